"""`python -m tests.compat.node_sdk CHECKOUT`: the official Node SDK's own 36 room tests (R-116, R-117).

The npm package comes without tests, so this wants a checkout of the SDK's repository (version 7.x) in which
`pnpm install` has been run. Its tests are run by its own jest as they are, un-skipped, against an emulator started for
them that holds the state they take for granted: lenient, so that all pass, or `--strict`. Ends with jest's exit status,
or with 2 when nothing could be run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

from emulator.server import Config, Emulator
from tests.compat.sdk_source import HERE
from tests.compat.sdk_suite import state_document

TESTS = "tests/api-resources"


class CheckoutError(Exception):
    """There is nothing to run; the text says what was expected where."""


def room_tests(checkout: Path) -> list[str]:
    """The files with tests of rooms, relative to the checkout. Raises CheckoutError."""
    package = checkout / "package.json"
    try:
        name = json.loads(package.read_text())["name"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise CheckoutError(
            f"{checkout}: expected a checkout of the Node SDK, with a package.json ({error})"
        ) from error
    if name != "telnyx":
        raise CheckoutError(f"{package}: expected the package telnyx, got {name!r}")
    folder = checkout / TESTS
    files = sorted([*folder.glob("room-*.test.ts"), *folder.glob("rooms/**/*.test.ts")])
    if not files:
        raise CheckoutError(
            f"{folder}: expected room-*.test.ts and rooms/*.test.ts, found none. The npm package has no tests: take a "
            "checkout of the repository, git clone https://github.com/team-telnyx/telnyx-node"
        )
    if not jest(checkout).exists():
        raise CheckoutError(f"{jest(checkout)} is missing: run `pnpm install` in {checkout} first")
    return [str(file.relative_to(checkout)) for file in files]


def jest(checkout: Path) -> Path:
    return checkout / "node_modules" / ".bin" / "jest"


async def run(checkout: Path, files: list[str], *, strict: bool) -> int:
    """jest's exit status."""
    async with Emulator(Config(port=0, lenient=not strict)) as emulator:
        with tempfile.TemporaryDirectory() as folder:
            state = Path(folder) / "state.json"
            state.write_text(json.dumps(state_document(refresh_tokens=not strict)))
            process = await asyncio.create_subprocess_exec(
                str(jest(checkout)),
                "--runInBand",  # they share one account
                f"--setupFilesAfterEnv={HERE / 'beside_the_node_sdk.js'}",
                "--runTestsByPath",
                *files,
                cwd=checkout,
                env={
                    **os.environ,
                    "TEST_API_BASE_URL": emulator.rest_url,
                    "STATE_URL": f"{emulator.admin_url}/state",
                    "STATE_FILE": str(state),
                },
            )
            return await process.wait()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.compat.node_sdk", description=__doc__)
    parser.add_argument("checkout", type=Path, metavar="CHECKOUT")
    parser.add_argument("--strict", action="store_true", help="3 of the 36 fail: they contradict the document")
    options = parser.parse_args(arguments)
    checkout = options.checkout.resolve()
    try:
        files = room_tests(checkout)
    except CheckoutError as error:
        print(error, file=sys.stderr)
        return 2
    return asyncio.run(run(checkout, files, strict=options.strict))


if __name__ == "__main__":
    sys.exit(main())
