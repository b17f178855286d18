"""Options of the command line, with twins in the ini file and in the environment: the first that is set counts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, get_args

import pytest

Artifacts = Literal["on", "off", "retain-on-failure"]
Problems = Literal["ignore", "warn", "fail"]


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
ARTIFACTS = Option(
    "artifacts", "|".join(get_args(Artifacts)), "keep timeline, wire log, pictures, sound of tests (default: off)"
)
OUTPUT = Option("output", "DIR", "where those go, a folder for each test (default: rooms-emulator-output)")
PROBLEMS = Option(
    "problems",
    "|".join(get_args(Problems)),
    "what to do about what the emulator saw and should not be: refused requests, forged webhooks that were accepted,"
    " requests without an answer (default: ignore; they are in the report of failed tests)",
)

CONTRACT = Option(
    "contract", "FILE", "write what the tests have used of the API, for `rooms-emulator contract verify FILE`"
)

ALL = (URL, ADMIN_TOKEN, SEED, ARTIFACTS, OUTPUT, PROBLEMS, CONTRACT)
DEFAULT_OUTPUT = "rooms-emulator-output"


def check(config: pytest.Config) -> None:
    """Raises pytest.UsageError, before anything runs, for what no test could use."""
    artifacts(config)
    problems(config)
    whole(SEED, config)
    contract(config)


def whole(option: Option, config: pytest.Config) -> int | None:
    """Raises pytest.UsageError for what is no number."""
    text = option.of(config)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise pytest.UsageError(f"{option.flag}: expected a whole number of at least 0, got {text!r}")
    return int(text)


def artifacts(config: pytest.Config) -> Artifacts:
    """Raises pytest.UsageError."""
    found = ARTIFACTS.of(config) or "off"
    if found not in ("on", "off", "retain-on-failure"):
        raise pytest.UsageError(f"{ARTIFACTS.flag}: expected {', '.join(get_args(Artifacts))}, got {found!r}")
    return found  # type: ignore[return-value]  # just checked


def problems(config: pytest.Config) -> Problems:
    """Raises pytest.UsageError."""
    found = PROBLEMS.of(config) or "ignore"
    if found not in ("ignore", "warn", "fail"):
        raise pytest.UsageError(f"{PROBLEMS.flag}: expected {', '.join(get_args(Problems))}, got {found!r}")
    return found  # type: ignore[return-value]  # just checked


def contract(config: pytest.Config) -> Path | None:
    """An absolute path as that of `output`. Raises pytest.UsageError when no file can be there."""
    found = CONTRACT.of(config)
    if found is None:
        return None
    path = config.rootpath / found
    if path.is_dir() or not path.parent.is_dir():
        raise pytest.UsageError(f"{CONTRACT.flag}: no file can be written at {path}")
    return path


def output(config: pytest.Config) -> Path:
    """An absolute path; a relative one is below the root of the run."""
    return config.rootpath / (OUTPUT.of(config) or DEFAULT_OUTPUT)
