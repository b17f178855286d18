"""Options of the command line, with twins in the ini file and in the environment: the first that is set counts."""

from __future__ import annotations

import os

import pytest


class Option:
    """`--rooms-emulator-NAME`, `ROOMS_EMULATOR_NAME` in the environment, `rooms_emulator_NAME` in the ini file."""

    # No dataclass: making one takes longer than loading the rest of the plugin, and every pytest run loads this.
    def __init__(self, name: str, metavar: str, help: str) -> None:
        self.name = name
        self.metavar = metavar
        self.help = help

    @property
    def flag(self) -> str:
        return f"--rooms-emulator-{self.name}"

    @property
    def ini(self) -> str:
        return f"rooms_emulator_{self.name.replace('-', '_')}"

    @property
    def variable(self) -> str:
        return self.ini.upper()

    def add_to(self, parser: pytest.Parser, group: pytest.OptionGroup) -> None:
        group.addoption(
            self.flag,
            dest=self.ini,
            metavar=self.metavar,
            default=None,
            help=f"{self.help} (ini: {self.ini}, environment: {self.variable})",
        )
        parser.addini(self.ini, self.help, default=None)

    def of(self, config: pytest.Config) -> str | None:
        """What is set, None if nothing is; an empty text counts as nothing."""
        found = config.getoption(self.ini, default=None) or os.environ.get(self.variable) or config.getini(self.ini)
        return str(found) if found else None


URL = Option("url", "URL", "use the running emulator at this address instead of starting one")
ADMIN_TOKEN = Option("admin-token", "TOKEN", "what the admin API of that emulator asks for")
SEED = Option("seed", "N", "draw all ids of each test's account from this seed, unless its marker names one")

ALL = (URL, ADMIN_TOKEN, SEED)


def whole(option: Option, config: pytest.Config) -> int | None:
    """Raises pytest.UsageError for what is no number."""
    text = option.of(config)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise pytest.UsageError(f"{option.flag}: expected a whole number of at least 0, got {text!r}")
    return int(text)
