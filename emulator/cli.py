"""The command `rooms-emulator`: serve, run, wait."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from emulator.config import DEFAULT_PORT, Config, ConfigError


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 something was not as expected, 2 wrong usage or the start failed."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 2
    logging.basicConfig(level=options.log_level.upper(), format="%(levelname).1s %(name)s: %(message)s")
    try:
        return int(options.action(options))
    except ConfigError as error:
        print(f"rooms-emulator: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rooms-emulator", description="A local emulator of Telnyx Video Rooms: REST, signaling and real media."
    )
    parser.add_argument("--version", action="version", version=version("telnyx-rooms-emulator"))
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_serve(commands)
    _add_run(commands)
    _add_wait(commands)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--log-level", choices=["debug", "info", "warning", "error"], default="warning", help="default: %(default)s"
    )


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serve = commands.add_parser(
        "serve",
        help="run the emulator until it is stopped",
        description="Run the emulator until SIGINT or SIGTERM. Prints where everything is once it answers.",
    )
    serve.add_argument("--host", default="127.0.0.1", help="the one address to bind (default: %(default)s)")
    serve.add_argument("--advertise", metavar="ADDRESS", help="address written into ICE candidates, if it differs")
    serve.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="REST, signaling and admin; 0 = any (default: %(default)s)"
    )
    serve.add_argument("--udp-port", type=int, help="media; 0 = any (default: the same number as --port)")
    serve.add_argument(
        "--api-key",
        action="append",
        default=[],
        metavar="KEY",
        help="accept only this key (repeatable); without it every key is an account of its own",
    )
    serve.add_argument(
        "--idle-timeout", type=float, default=60.0, metavar="SECONDS", help="end silent sessions (default: %(default)s)"
    )
    serve.add_argument("--scenario", type=Path, metavar="FILE", help="put this scenario on stage, and stay")
    serve.add_argument("--ready-file", type=Path, metavar="FILE", help="written (JSON) once everything answers")
    _add_common(serve)
    serve.set_defaults(action=_serve)


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser(
        "run",
        help="run a scenario to its end and say whether all was as expected",
        description="Run a scenario on an emulator of its own, or on a running one. Exit code 0; 1 with a reason when "
        "something was not as expected; 2 when the file is wrong or nothing could be run.",
    )
    run.add_argument("file", type=Path, metavar="FILE")
    run.add_argument("--url", help="REST base URL of a running emulator (default: start one for this run)")
    run.add_argument("--api-key", default=None, metavar="KEY", help="account to run in")
    _add_common(run)
    run.set_defaults(action=_run)


def _add_wait(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    wait = commands.add_parser("wait", help="wait until an emulator answers /readyz")
    wait.add_argument("--url", default=f"http://127.0.0.1:{DEFAULT_PORT}", help="default: %(default)s")
    wait.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="default: %(default)s")
    _add_common(wait)
    wait.set_defaults(action=_wait)


# The commands import what they need when they run: `--help` must not wait for codecs to load.


def _serve(options: argparse.Namespace) -> int:
    from emulator.serve import serve

    config = Config(
        host=options.host,
        port=options.port,
        udp_port=options.udp_port,
        advertise=options.advertise,
        api_keys=tuple(options.api_key),
        idle_timeout_secs=options.idle_timeout,
    )
    return asyncio.run(serve(config, scenario=options.scenario, ready_file=options.ready_file))


def _run(options: argparse.Namespace) -> int:
    from emulator.serve import run_scenario

    return asyncio.run(run_scenario(options.file, url=options.url, api_key=options.api_key))


def _wait(options: argparse.Namespace) -> int:
    from emulator.serve import wait

    return asyncio.run(wait(options.url, timeout=options.timeout))


if __name__ == "__main__":
    sys.exit(main())
