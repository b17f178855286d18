"""What `rooms-emulator serve` can be told on the command line, and the `Config` that makes of it."""

from __future__ import annotations

import argparse
from pathlib import Path

from emulator.config import DEFAULT_PORT, DEFAULT_TLS_PORT, Config, parse_rate_limit, parse_start_time

_DEFAULTS = Config()


def add_options(serve: argparse.ArgumentParser) -> None:
    """All of its own; those that every command has are not among them."""
    serve.add_argument("--host", default="127.0.0.1", help="the one address to bind (default: %(default)s)")
    serve.add_argument("--advertise", metavar="ADDRESS", help="address written into ICE candidates, if it differs")
    serve.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="REST, signaling and admin; 0 = any (default: %(default)s)"
    )
    serve.add_argument("--udp-port", type=int, help="media; 0 = any (default: the same number as --port)")
    serve.add_argument(
        "--tls",
        action="store_true",
        help="also HTTPS and WSS, for video.telnyx.com, api.telnyx.com and localhost; trust /_emulator/ca.pem",
    )
    serve.add_argument("--tls-port", type=int, default=DEFAULT_TLS_PORT, help="where; 0 = any (default: %(default)s)")
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
    serve.add_argument(
        "--max-frame-bytes",
        type=int,
        default=64 * 1024,
        metavar="N",
        help="longest signaling frame that is read (default: %(default)s)",
    )
    serve.add_argument("--room", metavar="NAME", help="make this room, and print its id and a client token")
    serve.add_argument("--scenario", type=Path, metavar="FILE", help="put this scenario on stage, and stay")
    serve.add_argument("--ready-file", type=Path, metavar="FILE", help="written (JSON) once everything answers")
    _add_api(serve)
    _add_time(serve)
    _add_webhooks(serve)
    _add_talk(serve)
    _add_admin(serve)


def config_of(options: argparse.Namespace) -> Config:
    """Raises ConfigError."""
    return Config(
        host=options.host,
        port=options.port,
        udp_port=options.udp_port,
        advertise=options.advertise,
        tls=options.tls,
        tls_port=options.tls_port,
        api_keys=tuple(options.api_key),
        idle_timeout_secs=options.idle_timeout,
        max_frame_bytes=options.max_frame_bytes,
        require_key_for_actions=options.require_key_for_actions,
        lenient=options.lenient,
        rate_limit=None if options.rate_limit is None else parse_rate_limit(options.rate_limit),
        seed=options.seed,
        signing_key=options.signing_key,
        webhook_key=options.webhook_key,
        allow_remote_webhooks=options.allow_remote_webhooks,
        webhook_attempts=options.webhook_attempts,
        webhook_backoff_secs=options.webhook_backoff,
        webhook_timeout_secs=options.webhook_timeout,
        admin_token=options.admin_token,
        allow_hosts=tuple(options.allow_host),
        data_dir=options.data_dir,
        media_budget_mb=options.media_budget,
        start_time=None if options.start_time is None else parse_start_time(options.start_time),
        freeze=options.freeze,
        talk_threshold_dbfs=options.talk_threshold,
        talk_attack_secs=options.talk_attack,
        talk_hold_secs=options.talk_hold,
    )


def _add_api(serve: argparse.ArgumentParser) -> None:
    group = serve.add_argument_group("REST API and state")
    group.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="keep state and media in this directory (default: in memory, media in a temporary folder)",
    )
    group.add_argument(
        "--media-budget",
        type=float,
        default=_DEFAULTS.media_budget_mb,
        metavar="MB",
        help="what recordings and compositions may take of the disk (default: %(default)g)",
    )
    group.add_argument("--seed", type=int, metavar="N", help="draw all ids from this seed: the same in each run")
    group.add_argument(
        "--signing-key",
        type=Path,
        metavar="FILE",
        help="Ed25519 private key (PEM) that signs client tokens (default: a new one)",
    )
    group.add_argument("--rate-limit", metavar="N/SECS", help="N requests in SECS seconds per account (default: none)")
    group.add_argument(
        "--lenient",
        action="store_true",
        help="accept page values of 0, compositions without a session, and the refresh token of the SDKs' own tests",
    )
    group.add_argument(
        "--require-key-for-actions",
        action="store_true",
        help="refuse end, kick, mute and unmute without an API key (the public document allows them)",
    )


def _add_time(serve: argparse.ArgumentParser) -> None:
    group = serve.add_argument_group("time")
    group.add_argument(
        "--start-time", metavar="ISO", help="where each account's time begins, e.g. 2026-01-31T09:00:00Z (default: now)"
    )
    group.add_argument(
        "--freeze", action="store_true", help="time stands still until POST /_emulator/clock moves it or lets it run"
    )


def _add_webhooks(serve: argparse.ArgumentParser) -> None:
    group = serve.add_argument_group("webhooks")
    group.add_argument(
        "--webhook-key",
        type=Path,
        metavar="FILE",
        help="Ed25519 private key (PEM) that signs webhooks (default: a new one)",
    )
    group.add_argument(
        "--allow-remote-webhooks", action="store_true", help="deliver also to other machines (default: loopback only)"
    )
    group.add_argument(
        "--webhook-attempts",
        type=int,
        default=_DEFAULTS.webhook_attempts,
        metavar="N",
        help="for each of the two URLs (default: %(default)s)",
    )
    group.add_argument(
        "--webhook-backoff",
        type=float,
        default=_DEFAULTS.webhook_backoff_secs,
        metavar="SECONDS",
        help="wait before the second attempt; doubles from there (default: %(default)s)",
    )
    group.add_argument(
        "--webhook-timeout",
        type=float,
        default=_DEFAULTS.webhook_timeout_secs,
        metavar="SECONDS",
        help="for rooms that set none (default: %(default)s)",
    )


def _add_talk(serve: argparse.ArgumentParser) -> None:
    group = serve.add_argument_group("who talks")
    for name, default, unit, about in (
        ("threshold", _DEFAULTS.talk_threshold_dbfs, "DBFS", "loud enough to count as talk; 0 is the loudest there is"),
        ("attack", _DEFAULTS.talk_attack_secs, "SECONDS", "how much of that until audio_activity is told"),
        ("hold", _DEFAULTS.talk_hold_secs, "SECONDS", "how much quiet until the talk is over"),
    ):
        group.add_argument(
            f"--talk-{name}", type=float, default=default, metavar=unit, help=f"{about} (default: %(default)s)"
        )


def _add_admin(serve: argparse.ArgumentParser) -> None:
    group = serve.add_argument_group("admin API")
    group.add_argument(
        "--admin-token",
        metavar="TOKEN",
        help="needed for /_emulator/ (default: none on loopback, elsewhere a random one that is printed)",
    )
    group.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name that this emulator is reached by, besides localhost and its addresses (repeatable)",
    )
