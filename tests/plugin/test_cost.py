"""What the plugin costs those who load it, and those who use it."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys

import pytest

import emulator.scenario.room_client  # noqa: F401 - not once more by the inner run: numpy cannot be loaded twice

pytest_plugins = "pytester"

LOAD_MS = 5
PER_TEST_MS = 2


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """As installed: what has been compiled is kept."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True, env=environment)


def test_loading_the_plugin_imports_nothing_else() -> None:
    code = """
import sys, pytest
before = set(sys.modules)
import conftest_plugin.plugin
print(sorted(set(sys.modules) - before))
"""
    loaded = [f"conftest_plugin{name}" for name in ("", ".as_written", ".options", ".plugin")]
    assert python("-c", code).stdout.strip() == str(loaded)


def test_loading_the_plugin_takes_less_than_5_ms() -> None:
    times: list[float] = []
    while len(times) < 20 and min(times, default=LOAD_MS) >= LOAD_MS:  # on a busy machine, some are interrupted
        told = python("-X", "importtime", "-c", "import pytest; import conftest_plugin.plugin").stderr
        line = re.search(r"\| +(\d+) \| +conftest_plugin\.plugin$", told, re.MULTILINE)
        assert line is not None, told
        times.append(int(line[1]) / 1000)
    assert min(times) < LOAD_MS, f"ms: {times}"  # the least: what else the machine does is not the plugin's doing


def test_pytest_does_not_compile_the_emulator_anew_as_it_does_with_plugins(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]")
    pytester.makeconftest("""
        import pytest
        pytest.register_assert_rewrite("emulator")  # as pytest does with every package of an installed plugin
    """)
    pytester.makepyfile(
        """
        import sys

        def test_it(rooms_emulator_server):
            ours = [module for name, module in sys.modules.items() if name.startswith("emulator.")]
            assert {type(module.__loader__).__name__ for module in ours} == {"SourceFileLoader"}
            assert type(__loader__).__name__ == "AssertionRewritingHook"  # the user's own are
    """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_fixture_costs_less_than_2_ms_per_test(pytester: pytest.Pytester) -> None:
    """A thousand tests with the fixture and a thousand without, in one run; the emulator's own start is left out."""
    pytester.makefile(".ini", pytest="[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makepyfile("""
        import pytest

        def test_first(rooms_emulator): pass

        @pytest.mark.parametrize("number", range(1000))
        def test_with(rooms_emulator, number): pass

        @pytest.mark.parametrize("number", range(1000))
        def test_without(number): pass
    """)
    run = pytester.inline_run("-p", "no:cacheprovider", "-p", "no:terminal")
    run.assertoutcome(passed=2001)
    spent: dict[str, list[float]] = {"test_with": [], "test_without": []}
    for report in run.getreports("pytest_runtest_logreport"):
        name = report.nodeid.split("::")[1].partition("[")[0]
        if name in spent and report.when != "call":
            spent[name].append(report.duration)
    per_test = {name: 2000 * statistics.median(times) for name, times in spent.items()}  # ms; set-up and tear-down
    assert len(spent["test_with"]) == len(spent["test_without"]) == 2000
    assert per_test["test_with"] - per_test["test_without"] < PER_TEST_MS, per_test
    print(f"ms for set-up and tear-down: {per_test}")


@pytest.mark.parametrize("collects", [True, False])
def test_the_garbage_collector_is_left_as_it_was_found(pytester: pytest.Pytester, collects: bool) -> None:
    pytester.makeconftest(f"import gc; gc.{'enable' if collects else 'disable'}()")
    pytester.makepyfile(f"""
        import gc

        def test_it(rooms_emulator_server):
            assert gc.isenabled() is {collects}
    """)
    pytester.runpytest_subprocess().assert_outcomes(passed=1)
