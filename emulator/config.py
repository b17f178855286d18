"""Everything that can be set about an emulator, with its defaults and bounds."""

from __future__ import annotations

import ipaddress
import math
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.clock import EARLIEST_START, LATEST_START
from emulator.values import value_class

if TYPE_CHECKING:  # the command's --help must not wait for it to load
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class ConfigError(Exception):
    """A setting is wrong; the text names it, what was expected and what came."""


DEFAULT_PORT = 8900
DEFAULT_TLS_PORT = 8943
DEFAULT_KEY = "KEY_local"
"""The key that is printed and used when none is configured; any other non-empty key works then, too."""

MIN_IDLE_TIMEOUT_SECS = 0.2
MIN_FRAME_BYTES, MAX_FRAME_BYTES = 16 * 1024, 1024 * 1024
MAX_WEBHOOK_ATTEMPTS = 100
MAX_WEBHOOK_SECS = 3600.0
MAX_TALK_SECS = 60.0
MAX_MEDIA_MB = 1e9

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
_RATE = re.compile(r"([0-9]{1,9})/([0-9]{1,9}(?:\.[0-9]{1,6})?)", re.ASCII)


@value_class(frozen=True, slots=True)
class Config:
    """`udp_port` None means: the same number as `port`; port 0 means: any free one.

    lenient               accept the three things in which the vendor's SDK tests contradict its own document (R-117)
    rate_limit            (requests, seconds) for each account; None is no limit (R-24)
    seed                  every account draws its ids from it; None: ids that never come again
    signing_key           PEM file with the Ed25519 private key of the client tokens; None: a new one for each run
    webhook_key           the same for webhooks
    allow_remote_webhooks deliver webhooks also to what is no loopback address
    webhook_attempts      for each of the two URLs
    webhook_backoff_secs  before the second attempt; doubles from there (the account's time)
    webhook_timeout_secs  for rooms that set none (real time)
    admin_token           what the admin API asks for; None: nothing on loopback, elsewhere a random one
    allow_hosts           further names that the emulator is reached by, in the admin API's Host check
    data_dir              keep state and media in this directory; None: in memory, media in a temporary folder
    media_budget_mb       what recordings and compositions may take of the disk, in megabytes (10^6 bytes)
    start_time            where accounts' clocks begin; None: at the real time
    max_frame_bytes       the longest signaling frame that is read
    tls                   also serve HTTPS and WSS, with a certificate of a throw-away authority
    tls_port              where; 0 takes any free one
    freeze                accounts' clocks stand still until they are moved
    talk_threshold_dbfs   who is at least so loud (0 is the loudest there is) ...
    talk_attack_secs      ... for so long, is told to talk,
    talk_hold_secs        and has stopped after so long below it
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    udp_port: int | None = None
    advertise: str | None = None
    api_keys: tuple[str, ...] = ()
    idle_timeout_secs: float = 60.0
    max_frame_bytes: int = 64 * 1024
    require_key_for_actions: bool = False
    lenient: bool = False
    rate_limit: tuple[int, float] | None = None
    seed: int | None = None
    signing_key: Path | None = None
    webhook_key: Path | None = None
    allow_remote_webhooks: bool = False
    webhook_attempts: int = 3
    webhook_backoff_secs: float = 0.5
    webhook_timeout_secs: float = 2.0
    admin_token: str | None = None
    allow_hosts: tuple[str, ...] = ()
    data_dir: Path | None = None
    media_budget_mb: float = 2_000.0
    start_time: datetime | None = None
    freeze: bool = False
    tls: bool = False
    tls_port: int = 0
    talk_threshold_dbfs: float = -45.0
    talk_attack_secs: float = 0.08
    talk_hold_secs: float = 0.6

    def __post_init__(self) -> None:
        """Raises ConfigError. Files and directories are looked at when the emulator is made or started."""
        self._check_addresses()
        self._check_secrets()
        self._check_webhooks()
        self._check_talk()
        if self.idle_timeout_secs < MIN_IDLE_TIMEOUT_SECS:
            raise ConfigError(
                f"idle_timeout: expected at least {MIN_IDLE_TIMEOUT_SECS} s, got {self.idle_timeout_secs} s"
            )
        if not MIN_FRAME_BYTES <= self.max_frame_bytes <= MAX_FRAME_BYTES:
            raise ConfigError(
                f"max_frame_bytes: expected {MIN_FRAME_BYTES} to {MAX_FRAME_BYTES}, got {self.max_frame_bytes}"
            )
        if not 0 <= self.media_budget_mb <= MAX_MEDIA_MB:
            raise ConfigError(f"media_budget: expected 0 to {MAX_MEDIA_MB:g} MB, got {self.media_budget_mb:g} MB")
        if self.rate_limit is not None:
            requests, seconds = self.rate_limit
            if requests < 1 or not (seconds > 0 and math.isfinite(seconds)):
                raise ConfigError(
                    f"rate_limit: expected at least 1 request in more than 0 seconds, got {requests}/{seconds:g}"
                )
        if self.start_time is not None:
            if self.start_time.tzinfo is None:
                raise ConfigError(f"start_time: expected a time with a time zone, got {self.start_time}")
            if not EARLIEST_START <= self.start_time <= LATEST_START:
                raise ConfigError(f"start_time: expected a time from 1970 to 8000, got {self.start_time}")

    @property
    def on_loopback(self) -> bool:
        return ipaddress.ip_address(self.host).is_loopback

    def token_key(self) -> Ed25519PrivateKey:
        """The key that signs client tokens. Raises ConfigError."""
        return _key("signing_key", self.signing_key)

    def webhook_signing_key(self) -> Ed25519PrivateKey:
        """Raises ConfigError."""
        return _key("webhook_key", self.webhook_key)

    def _check_addresses(self) -> None:
        for name, value in (("host", self.host), ("advertise", self.advertise)):
            if value is None:
                continue
            try:
                address = ipaddress.ip_address(value)
            except ValueError as error:
                raise ConfigError(f"{name}: expected an IP address such as 127.0.0.1, got {value!r}") from error
            if address.is_unspecified:
                raise ConfigError(
                    f"{name}: expected one concrete address of this machine (a wildcard breaks media: replies would "
                    f"leave from another address than the one the client checks), got {value}"
                )
        for name, port in (("port", self.port), ("udp_port", self.udp_port), ("tls_port", self.tls_port)):
            if port is not None and not 0 <= port <= 65535:
                raise ConfigError(f"{name}: expected a number from 0 to 65535, got {port}")
        for name in self.allow_hosts:
            if not _HOST_NAME.fullmatch(name):
                raise ConfigError(f"allow_host: expected a name such as emulator.test, without a port, got {name!r}")

    def _check_secrets(self) -> None:
        for key in self.api_keys:
            if not key or not key.isascii() or not key.isprintable() or key != " ".join(key.split()):
                # Nothing else comes through an Authorization header unchanged.
                raise ConfigError(
                    f"api_key: expected printable ASCII, at most single blanks and those inside, got {key!r}"
                )
        token = self.admin_token
        if token is not None and not (token and token.isascii() and token.isprintable() and " " not in token):
            raise ConfigError(f"admin_token: expected printable ASCII without blanks, got {token!r}")

    def _check_talk(self) -> None:
        if not -127 <= self.talk_threshold_dbfs <= 0:
            raise ConfigError(f"talk_threshold: expected -127 to 0 dBFS, got {self.talk_threshold_dbfs:g}")
        for name, value in (("talk_attack", self.talk_attack_secs), ("talk_hold", self.talk_hold_secs)):
            if not 0 <= value <= MAX_TALK_SECS:
                raise ConfigError(f"{name}: expected 0 to {MAX_TALK_SECS:g} s, got {value:g} s")

    def _check_webhooks(self) -> None:
        if not 1 <= self.webhook_attempts <= MAX_WEBHOOK_ATTEMPTS:
            raise ConfigError(
                f"webhook_attempts: expected 1 to {MAX_WEBHOOK_ATTEMPTS} for each URL, got {self.webhook_attempts}"
            )
        if not 0 <= self.webhook_backoff_secs <= MAX_WEBHOOK_SECS:
            raise ConfigError(
                f"webhook_backoff: expected 0 to {MAX_WEBHOOK_SECS:g} s, got {self.webhook_backoff_secs:g} s"
            )
        if not 0 < self.webhook_timeout_secs <= MAX_WEBHOOK_SECS:
            raise ConfigError(
                f"webhook_timeout: expected more than 0 and at most {MAX_WEBHOOK_SECS:g} s, got "
                f"{self.webhook_timeout_secs:g} s"
            )


def parse_rate_limit(text: str) -> tuple[int, float]:
    """`100/60`: requests in so many seconds. Raises ConfigError."""
    found = _RATE.fullmatch(text)
    if found is None:
        raise ConfigError(f"rate_limit: expected N/SECS, such as 100/60 for 100 requests in 60 seconds, got {text!r}")
    return int(found[1]), float(found[2])


def parse_start_time(text: str) -> datetime:
    """ISO 8601; a time without a time zone is in UTC. Raises ConfigError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"start_time: expected a time such as 2026-01-31T09:00:00Z, got {text!r}") from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _key(name: str, path: Path | None) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if path is None:
        return Ed25519PrivateKey.generate()
    how = "Make one with: openssl genpkey -algorithm ed25519 -out key.pem"
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise ConfigError(f"{name}: cannot read {path}: {error.strerror}. {how}") from error
    except TypeError as error:  # what the library raises for one that needs a password
        raise ConfigError(f"{name}: the key in {path} is encrypted; expected one without a password. {how}") from error
    except ValueError as error:
        raise ConfigError(f"{name}: {path} holds no private key in PEM form. {how}") from error
    except UnsupportedAlgorithm as error:
        raise ConfigError(f"{name}: the key in {path} is of an unknown kind: {error}. {how}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{name}: expected an Ed25519 private key in {path}, got another kind of key. {how}")
    return key
