"""The house keeps its floors: imports go down, never up, never in circles."""

from __future__ import annotations

import ast
import graphlib
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS: list[set[str]] = [
    {"clock", "travelling_clock", "events", "wire", "faults", "wirelog", "tally", "probes", "values", "redaction"},
    {"rooms", "media", "store"},
    {"conference"},
    {"api", "signaling", "webhooks", "recording"},
    {"clients", "timeline"},
    {"scenario", "contract"},
    {"admin"},
    {"server", "listening", "config", "tls", "serve_options"},
    {"serve", "running", "tokens", "starter", "contracting", "cli", "__main__", "conftest_plugin"},
]
FLOOR = {part: number for number, parts in enumerate(FLOORS) for part in parts}


def _modules() -> dict[str, Path]:
    found = {}
    for package in ("emulator", "conftest_plugin"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = _modules()


def _imports(name: str) -> set[str]:
    """Every module this one imports anywhere, also inside functions and under TYPE_CHECKING."""
    path = MODULES[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                anchor = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*anchor, base] if base else anchor)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                found.add(full if full in MODULES else base)
    return found


def _part(name: str) -> str | None:
    pieces = name.split(".")
    if pieces[0] == "conftest_plugin":
        return "conftest_plugin"
    if pieces[0] == "emulator":
        return pieces[1] if len(pieces) > 1 else None
    return None


def test_every_part_has_a_floor() -> None:
    parts = {part for part in map(_part, MODULES) if part is not None}
    assert parts
    assert parts <= set(FLOOR), f"name the floor of {sorted(parts - set(FLOOR))}"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_never_go_up(name: str) -> None:
    own = _part(name)
    for imported in _imports(name):
        part = _part(imported)
        if own is None or part is None or part == own:
            continue
        assert FLOOR[part] <= FLOOR[own], f"{name} (floor {FLOOR[own]}) imports {imported} (floor {FLOOR[part]})"
        assert FLOOR[part] < FLOOR[own] or FLOOR[own] in (0, 7, 8), f"{name} imports its neighbour {imported}"


def test_no_module_is_in_an_import_circle() -> None:
    graph = {name: {i for i in _imports(name) if i in MODULES and i != name} for name in MODULES}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("name", sorted(n for n in MODULES if n.startswith("emulator.rooms")))
def test_the_domain_knows_neither_web_nor_media_libraries(name: str) -> None:
    roots = {imported.partition(".")[0] for imported in _imports(name)}
    assert not roots & {"aiohttp", "aiortc", "av", "OpenSSL", "pylibsrtp", "asyncio", "socket"}


def test_nothing_imports_the_tests() -> None:
    assert all("tests" not in {i.partition(".")[0] for i in _imports(name)} for name in MODULES)
    assert sys.version_info >= (3, 11)


def test_every_package_and_every_scenario_is_in_the_distribution() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    assert set(settings["packages"]) == found | {"emulator._scenarios"}
    assert settings["package-dir"] == {"emulator._scenarios": "scenarios"}
