"""The command `rooms-emulator`: serve, run, plan, validate, schema, init, token, wait, contract, proxy."""

from __future__ import annotations

import argparse
import asyncio
import difflib
import logging
import os
import re
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from emulator.config import DEFAULT_KEY, DEFAULT_PORT, ConfigError
from emulator.serve_options import add_options, config_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 something was not as expected, 2 wrong usage or the start failed."""
    parser = _parser()
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        _refuse_unknown(getattr(options, "parser", parser), unknown)
    if options.command is None:
        parser.print_help()
        return 2
    logging.basicConfig(level=options.log_level.upper(), format="%(levelname).1s %(name)s: %(message)s")
    try:
        return int(options.action(options))
    except ConfigError as error:
        print(f"rooms-emulator: {_as_typed(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # who read what we wrote has had enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _refuse_unknown(command: argparse.ArgumentParser, unknown: Sequence[str]) -> NoReturn:
    """With the usage of the command that was given them, which argparse itself has forgotten by then."""
    name = unknown[0].partition("=")[0]
    near = difflib.get_close_matches(name, re.findall(r"--[a-z][a-z-]*", command.format_help()), n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    command.error(f"unrecognized arguments: {' '.join(unknown)}{meant}")


def _as_typed(complaint: str) -> str:
    """A setting as its option is written: `rate_limit: ...` is about `--rate-limit`."""
    return re.sub(r"^[a-z_]+(?=: )", lambda found: f"--{found[0].replace('_', '-')}", complaint)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rooms-emulator", description="A local emulator of Telnyx Video Rooms: REST, signaling and real media."
    )
    parser.add_argument("--version", action="version", version=version("telnyx-rooms-emulator"))
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_serve(commands)
    _add_run(commands)
    _add_plan(commands)
    _add_validate(commands)
    _add_schema(commands)
    _add_init(commands)
    _add_token(commands)
    _add_wait(commands)
    _add_contract(commands)
    _add_proxy(commands)
    _add_fidelity(commands)
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
    add_options(serve)
    _add_common(serve)
    serve.set_defaults(action=_serve, parser=serve)


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser(
        "run",
        help="run scenarios to their end and say whether all was as expected",
        description="Run scenarios, each on an emulator of its own, or on a running one. Exit code 0; 1 with reasons "
        "when something was not as expected; 2 when a file is wrong or something could not be run.",
    )
    run.add_argument("files", type=Path, nargs="+", metavar="FILE", help="a file, or the name of a shipped scenario")
    run.add_argument("--seed", type=_seed, metavar="N", help="instead of the seed in the file")
    run.add_argument(
        "--set", action="append", default=[], type=_setting, metavar="NAME=VALUE", help="an input of the scenario"
    )
    run.add_argument("--junit", type=Path, metavar="FILE", help="write the results as JUnit XML")
    run.add_argument("--report", type=Path, metavar="FILE", help="write a page that shows what happened (HTML)")
    run.add_argument("--repeat", type=_count, default=1, metavar="N", help="run so often, with the next seed each time")
    run.add_argument("--keep-going", action="store_true", help="a step that fails does not end the scenario")
    run.add_argument(
        "--time", choices=["real", "travel"], default="real", help="travel: no media, and an hour takes no second"
    )
    run.add_argument("--url", help="REST base URL of a running emulator (default: start one for each run)")
    run.add_argument("--api-key", default=None, metavar="KEY", help="account to run in")
    run.add_argument(
        "--admin-token",
        default=os.environ.get("ROOMS_EMULATOR_ADMIN_TOKEN"),
        metavar="TOKEN",
        help="what the admin API at --url asks for (default: $ROOMS_EMULATOR_ADMIN_TOKEN)",
    )
    _add_common(run)
    run.set_defaults(action=_run, parser=run)


def _add_plan(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    plan = commands.add_parser("plan", help="print what a scenario comes to: everything that happens, and when")
    plan.add_argument("file", type=Path, metavar="FILE", help="a file, or the name of a shipped scenario")
    plan.add_argument(
        "--set", action="append", default=[], type=_setting, metavar="NAME=VALUE", help="an input of the scenario"
    )
    _add_common(plan)
    plan.set_defaults(action=_plan, parser=plan)


def _add_validate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    validate = commands.add_parser(
        "validate",
        help="say what is wrong with scenarios, and where",
        description="Check scenarios without running them. Exit code 0 when all are well, 2 when a file is wrong.",
    )
    validate.add_argument("files", type=Path, nargs="+", metavar="FILE", help="a file, or a shipped scenario's name")
    validate.add_argument(
        "--set", action="append", default=[], type=_setting, metavar="NAME=VALUE", help="an input of the scenarios"
    )
    validate.add_argument(
        "--time", choices=["real", "travel"], default="real", help="travel: also whether they are fit for travel time"
    )
    _add_common(validate)
    validate.set_defaults(action=_validate, parser=validate)


def _add_schema(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    schema = commands.add_parser("schema", help="print the JSON Schema of scenarios, for editors")
    schema.add_argument("--docs", action="store_true", help="the grammar as a page for people instead, in Markdown")
    _add_common(schema)
    schema.set_defaults(action=_schema, parser=schema)


def _add_init(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    init = commands.add_parser("init", help="write a scenario and a test to begin with")
    init.add_argument("folder", type=Path, nargs="?", default=Path(), metavar="FOLDER", help="default: here")
    _add_common(init)
    init.set_defaults(action=_init, parser=init)


def _add_token(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    token = commands.add_parser("token", help="print a client token for a room of a running emulator")
    token.add_argument("room", metavar="ROOM", help="its id or unique name")
    token.add_argument("--create", action="store_true", help="make a room of this unique name if there is none")
    token.add_argument("--url", default=f"http://127.0.0.1:{DEFAULT_PORT}", help="default: %(default)s")
    token.add_argument("--api-key", default=None, metavar="KEY", help=f"the room's account (default: {DEFAULT_KEY})")
    _add_common(token)
    token.set_defaults(action=_token, parser=token)


def _seed(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) < 2**63:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a whole number from 0 to 2^63-1, got {text!r}")


def _count(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 6 and int(text) >= 1:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 99999, got {text!r}")


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text!r}")
    return name, value


def _add_wait(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    wait = commands.add_parser("wait", help="wait until an emulator answers /readyz")
    wait.add_argument("--url", default=f"http://127.0.0.1:{DEFAULT_PORT}", help="default: %(default)s")
    wait.add_argument(
        "--ready-file", type=Path, metavar="FILE", help="wait for this file of `serve`, and for the emulator it names"
    )
    wait.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="default: %(default)s")
    _add_common(wait)
    wait.set_defaults(action=_wait, parser=wait)


def _add_contract(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    contract = commands.add_parser(
        "contract",
        help="hold an API against what the service is known to do",
        description="Make the same checks on the emulator and, with --base-url, on any other API. There they make "
        "rooms of their own and delete them, and nothing else. Exit code 0 when all hold, 1 when not, 2 when none "
        "could be made.",
    )
    _add_target(contract, "REST base URL of the API to check (default: the emulator alone)", required=False)
    contract.add_argument("--check", action="append", default=[], metavar="ID", help="only this one (repeatable)")
    contract.add_argument("--list", action="store_true", help="tell all checks with their rules and basis")
    contract.add_argument("--cassette", type=Path, metavar="FILE", help="write what was said, without secrets")
    contract.add_argument("--report", type=Path, metavar="FILE", help="write the findings as JSON")
    _add_common(contract)
    contract.set_defaults(action=_contract, parser=contract)
    more = contract.add_subparsers(dest="contract_command", metavar="COMMAND")
    diff = more.add_parser("diff", help="what two cassettes differ in; ids and times do not count")
    diff.add_argument("old", type=Path, metavar="OLD")
    diff.add_argument("new", type=Path, metavar="NEW")
    diff.set_defaults(action=_contract_diff, parser=diff)
    record = more.add_parser("record", help="what an app has used of a running emulator, as a consumer contract")
    record.add_argument("file", type=Path, metavar="FILE")
    record.add_argument("--url", default=f"http://127.0.0.1:{DEFAULT_PORT}", help="default: %(default)s")
    record.add_argument("--api-key", default=DEFAULT_KEY, metavar="KEY", help="the account (default: %(default)s)")
    record.add_argument("--consumer", default="app", metavar="NAME", help="default: %(default)s")
    record.set_defaults(action=_contract_record, parser=record)
    verify = more.add_parser("verify", help="replay a consumer contract on another API")
    verify.add_argument("file", type=Path, metavar="FILE")
    _add_target(verify, "REST base URL of the API to replay it on", required=True)
    verify.set_defaults(action=_contract_verify, parser=verify)


def _add_target(parser: argparse.ArgumentParser, about: str, *, required: bool) -> None:
    parser.add_argument("--base-url", metavar="URL", required=required, help=about)
    parser.add_argument(
        "--api-key", metavar="KEY", help="key for it (default: $TELNYX_API_KEY, else the emulator's own default)"
    )


def _add_proxy(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    proxy = commands.add_parser(
        "proxy",
        help="pass REST traffic on and tell what breaks the description of the API",
        description="Listen, pass everything on to another API, and hold requests and answers against our description. "
        "Until SIGINT or SIGTERM; exit code 1 when something broke it.",
    )
    proxy.add_argument("--upstream", metavar="URL", required=True, help="REST base URL, e.g. https://api.telnyx.com/v2")
    proxy.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    proxy.add_argument("--port", type=int, default=DEFAULT_PORT + 1, help="0 = any (default: %(default)s)")
    _add_common(proxy)
    proxy.set_defaults(action=_proxy, parser=proxy)


def _add_fidelity(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    fidelity = commands.add_parser(
        "fidelity", help="every behaviour of the service that is emulated: its basis, its tests"
    )
    _add_common(fidelity)
    fidelity.set_defaults(action=_fidelity, parser=fidelity)


# The commands import what they need when they run: `--help` must not wait for codecs to load.


def _serve(options: argparse.Namespace) -> int:
    from emulator.serve import serve

    return asyncio.run(
        serve(config_of(options), scenario=options.scenario, ready_file=options.ready_file, room=options.room)
    )


def _run(options: argparse.Namespace) -> int:
    from emulator.running import RunWish, run

    wish = RunWish(
        files=options.files,
        url=options.url,
        api_key=options.api_key,
        admin_token=options.admin_token,
        seed=options.seed,
        inputs=dict(options.set),
        junit=options.junit,
        report=options.report,
        repeat=options.repeat,
        keep_going=options.keep_going,
        travel=options.time == "travel",
    )
    return asyncio.run(run(wish))


def _plan(options: argparse.Namespace) -> int:
    from emulator.scenario.commands import plan

    return plan(options.file, dict(options.set))


def _validate(options: argparse.Namespace) -> int:
    from emulator.scenario.commands import validate

    return validate(options.files, dict(options.set), travel=options.time == "travel")


def _schema(options: argparse.Namespace) -> int:
    from emulator.scenario.commands import schema

    return schema(docs=options.docs)


def _init(options: argparse.Namespace) -> int:
    from emulator.starter import init

    return init(options.folder)


def _token(options: argparse.Namespace) -> int:
    from emulator.tokens import token

    return asyncio.run(token(options.url, options.room, api_key=options.api_key, create=options.create))


def _wait(options: argparse.Namespace) -> int:
    from emulator.serve import wait

    return asyncio.run(wait(options.url, ready_file=options.ready_file, timeout=options.timeout))


def _contract(options: argparse.Namespace) -> int:
    from emulator.contracting import contract, list_checks

    if options.list:
        return list_checks()
    return asyncio.run(
        contract(
            options.base_url,
            _api_key(options),
            only=options.check,
            cassette=options.cassette,
            report=options.report,
        )
    )


def _contract_diff(options: argparse.Namespace) -> int:
    from emulator.contracting import compare

    return compare(options.old, options.new)


def _contract_record(options: argparse.Namespace) -> int:
    from emulator.contracting import record

    return asyncio.run(record(options.url, options.api_key, options.file, consumer=options.consumer))


def _contract_verify(options: argparse.Namespace) -> int:
    from emulator.contracting import verify

    return asyncio.run(verify(options.file, options.base_url, _api_key(options)))


def _api_key(options: argparse.Namespace) -> str:
    return options.api_key or os.environ.get("TELNYX_API_KEY") or DEFAULT_KEY


def _proxy(options: argparse.Namespace) -> int:
    from emulator.contracting import proxy

    return asyncio.run(proxy(options.upstream, host=options.host, port=options.port))


def _fidelity(_options: argparse.Namespace) -> int:
    from emulator.contract.fidelity import lines

    print("\n".join(lines()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
