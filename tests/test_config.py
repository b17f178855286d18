"""Settings: what is wrong is named, with what was expected and what came."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from emulator.config import Config, ConfigError, parse_rate_limit, parse_start_time


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"idle_timeout_secs": 0.1}, "idle_timeout"),
        ({"max_frame_bytes": 1000}, "max_frame_bytes"),
        ({"udp_port": -1}, "udp_port"),
        ({"advertise": "0.0.0.0"}, "advertise"),
        ({"api_keys": ("two  blanks",)}, "api_key"),
        ({"rate_limit": (0, 60)}, "rate_limit"),
        ({"rate_limit": (10, 0)}, "rate_limit"),
        ({"rate_limit": (10, float("inf"))}, "rate_limit"),
        ({"webhook_attempts": 0}, "webhook_attempts"),
        ({"webhook_attempts": 101}, "webhook_attempts"),
        ({"webhook_backoff_secs": -1}, "webhook_backoff"),
        ({"webhook_backoff_secs": float("nan")}, "webhook_backoff"),
        ({"webhook_timeout_secs": 0}, "webhook_timeout"),
        ({"webhook_timeout_secs": float("inf")}, "webhook_timeout"),
        ({"admin_token": ""}, "admin_token"),
        ({"admin_token": "two words"}, "admin_token"),
        ({"admin_token": "schlüssel"}, "admin_token"),
        ({"allow_hosts": ("http://emulator",)}, "allow_host"),
        ({"allow_hosts": ("emulator:8900",)}, "allow_host"),
        ({"start_time": datetime(2026, 1, 1)}, "start_time"),  # noqa: DTZ001 - naive is what is refused
        ({"start_time": datetime(1960, 1, 1, tzinfo=UTC)}, "start_time"),
        ({"start_time": datetime(9999, 1, 1, tzinfo=UTC)}, "start_time"),
    ],
)
def test_wrong_setting_is_named(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{named}: expected .*, got "):
        Config(**settings)


def test_rate_limit_is_read_as_requests_and_seconds() -> None:
    assert parse_rate_limit("100/60") == (100, 60.0)
    assert parse_rate_limit("5/0.5") == (5, 0.5)
    for text in ("", "100", "100/", "/60", "100/60s", "-1/60", "1e3/60", "100/60/2", "١/٢"):
        with pytest.raises(ConfigError, match=r"^rate_limit: expected N/SECS"):
            parse_rate_limit(text)


def test_start_time_is_iso_8601_and_in_utc_unless_it_says_otherwise() -> None:
    assert parse_start_time("2026-01-31T09:00:00Z") == datetime(2026, 1, 31, 9, tzinfo=UTC)
    assert parse_start_time("2026-01-31T09:00:00+02:00") == datetime(2026, 1, 31, 7, tzinfo=UTC)
    assert parse_start_time("2026-01-31T09:00") == datetime(2026, 1, 31, 9, tzinfo=UTC)
    assert parse_start_time("2026-01-31") == datetime(2026, 1, 31, tzinfo=UTC)
    for text in ("", "noon", "2026-13-01", "1700000000.5"):
        with pytest.raises(ConfigError, match=r"^start_time: expected a time"):
            parse_start_time(text)


# -- key files --------------------------------------------------------------------------------------------------------


def pem(key: Any, password: bytes | None = None) -> bytes:
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    written: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)
    return written


def raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def test_keys_are_read_from_files_and_made_anew_without_one(tmp_path: Path) -> None:
    token_key, webhook_key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    (tmp_path / "token.pem").write_bytes(pem(token_key))
    (tmp_path / "webhook.pem").write_bytes(pem(webhook_key))
    config = Config(signing_key=tmp_path / "token.pem", webhook_key=tmp_path / "webhook.pem")
    assert raw(config.token_key()) == raw(token_key)
    assert raw(config.webhook_signing_key()) == raw(webhook_key)
    assert raw(Config().token_key()) != raw(Config().token_key())


def test_file_that_is_no_ed25519_private_key_is_named_with_the_way_out(tmp_path: Path) -> None:
    public = Ed25519PrivateKey.generate().public_key()
    wrong = {
        "text.pem": b"no key at all",
        "empty.pem": b"",
        "curve.pem": pem(ec.generate_private_key(ec.SECP256R1())),
        "hidden.pem": pem(Ed25519PrivateKey.generate(), b"secret"),
        "public.pem": public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    }
    for name, content in wrong.items():
        (tmp_path / name).write_bytes(content)
    for name in [*wrong, "missing.pem", "."]:
        with pytest.raises(ConfigError, match=r"(?s)^signing_key: .*openssl genpkey -algorithm ed25519"):
            Config(signing_key=tmp_path / name).token_key()
        with pytest.raises(ConfigError, match=r"^webhook_key: "):
            Config(webhook_key=tmp_path / name).webhook_signing_key()
