"""The emulator: every part made, wired, started and stopped, in one process and on one event loop."""

from __future__ import annotations

import asyncio
import errno
import logging
import random
import secrets
import socket
from types import TracebackType

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from emulator.admin.routes import Admin
from emulator.api.routes import RestApi
from emulator.conference.conferences import Conferences
from emulator.config import DEFAULT_KEY, Config, ConfigError
from emulator.media.transport.dtls import Certificate
from emulator.media.transport.errors import BindError
from emulator.media.transport.udp import MediaSocket
from emulator.rooms.account import Account
from emulator.rooms.accounts import Accounts
from emulator.rooms.notices import tell_what_is_missing
from emulator.rooms.tokens import TokenMint
from emulator.signaling.gateway import Gateway
from emulator.signaling.hub import CLOSE_SESSION_TERMINATED
from emulator.signaling.lobby import Lobby
from emulator.webhooks.signing import WebhookSigner

log = logging.getLogger("emulator.server")

PORT_ATTEMPTS = 20
SHUTDOWN_SECS = 1.0


class StartError(Exception):
    """The emulator could not start; the text says why and what to do."""


class Emulator:
    """One running emulator; also an async context manager.

    After `start`: `rest_url`, `ws_url`, `admin_url`, `udp_port`, `api_key`, `webhook_public_key`.
    """

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()
        self.api_key = self.config.api_keys[0] if self.config.api_keys else DEFAULT_KEY
        self.webhook_signer = WebhookSigner(Ed25519PrivateKey.generate())
        self.port = 0
        self.udp_port = 0
        self.accounts: Accounts
        self.lobby: Lobby
        self._conferences: Conferences | None = None
        self._ready = False
        self._runner: web.AppRunner | None = None
        self._listening: list[socket.socket] = []
        self._media: MediaSocket | None = None
        self._gateway: Gateway | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    # -- where things are -----------------------------------------------------------------------------------------

    @property
    def _authority(self) -> str:
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        return f"{host}:{self.port}"

    @property
    def rest_url(self) -> str:
        return f"http://{self._authority}/v2"

    @property
    def ws_url(self) -> str:
        """Without the `/{room_id}/janus` that a client appends."""
        return f"ws://{self._authority}"

    @property
    def admin_url(self) -> str:
        return f"http://{self._authority}/_emulator"

    @property
    def webhook_public_key(self) -> str:
        return self.webhook_signer.public_key

    def info(self) -> dict[str, object]:
        return {
            "host": self.config.host,
            "rest_url": self.rest_url,
            "ws_url": self.ws_url,
            "admin_url": self.admin_url,
            "udp_port": self.udp_port,
            "webhook_public_key": self.webhook_public_key,
        }

    # -- accounts -------------------------------------------------------------------------------------------------

    def forget_account(self, key: str) -> None:
        """End whatever goes on in this key's account, and drop it with all its records. Without effect if it has none.

        Its connections are closed with 4000, its tokens are good for nothing any more.
        """
        account = self.accounts.forget(key)
        if account is None:
            return
        for session in tuple(account.records.sessions.values()):
            if session.active:
                account.end_session(session.id, reason="Account forgotten")
        for connection in tuple(self.lobby.sessions):  # those that have not joined their room yet
            if connection.account is account and not connection.expelled:
                connection.close(CLOSE_SESSION_TERMINATED)

    # -- starting and stopping ------------------------------------------------------------------------------------

    async def __aenter__(self) -> Emulator:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Raises StartError when an address is taken or cannot be bound."""
        loop = asyncio.get_running_loop()
        self._listening, self._media = self._bind(loop)
        self.port = self._listening[0].getsockname()[1]
        self.udp_port = self._media.local_address[1]
        try:
            await self._serve(loop)
        except BaseException:
            await self.stop()
            raise
        self._ready = True
        self._sweep()

    async def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._media is None:
            raise RuntimeError("the media socket is bound before the server starts")
        rng = random.Random(secrets.randbits(128))
        mint = TokenMint(Ed25519PrivateKey.generate())
        conferences = self._conferences = Conferences(self._media, loop=loop, rng=rng)

        def watch(account: Account) -> None:
            # Subscribers hear of an event in this order: media has changed before anybody is told of it.
            conferences.watch(account)
            self.lobby.watch(account)
            account.log.subscribe(tell_what_is_missing)

        self.accounts = Accounts(keys=self.config.api_keys, on_created=watch)
        self.lobby = Lobby(accounts=self.accounts, mint=mint, conferences=conferences, scheduler=loop, rng=rng)
        api = RestApi(self.accounts, mint, require_key_for_actions=self.config.require_key_for_actions)
        self._gateway = Gateway(self.lobby)
        app = web.Application(middlewares=[api.error_middleware])
        Admin(info=self.info, ready=lambda: self._ready).add_routes(app)
        api.add_routes(app)
        self._gateway.add_routes(app)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=SHUTDOWN_SECS, handle_signals=False, keepalive_timeout=75
        )
        await self._runner.setup()
        for sock in self._listening:
            await web.SockSite(self._runner, sock).start()

    def _bind(self, loop: asyncio.AbstractEventLoop) -> tuple[list[socket.socket], MediaSocket]:
        """TCP and UDP under the same number, when the number is ours to choose; also `::1` beside 127.0.0.1."""
        certificate = Certificate.generate()
        config = self.config
        attempts = PORT_ATTEMPTS if config.port == 0 and config.udp_port is None else 1
        for attempt in range(attempts):
            tcp = _listen(config.host, config.port)
            number = tcp.getsockname()[1]
            udp_port = number if config.udp_port is None else config.udp_port
            try:
                media = MediaSocket.open(
                    config.host, udp_port, loop=loop, certificate=certificate, advertise=config.advertise
                )
            except BindError as error:
                tcp.close()
                if attempt + 1 < attempts:
                    continue
                raise StartError(f"{error}. Choose another port with --udp-port (0 takes a free one).") from error
            sockets = [tcp]
            if config.host == "127.0.0.1":
                try:
                    sockets.append(_listen("::1", number))
                except (StartError, OSError) as error:
                    log.info("not listening on ::1 as well: %s", error)
            return sockets, media
        raise StartError("no port was free for both TCP and UDP")

    def _sweep(self) -> None:
        self.lobby.sweep(self.config.idle_timeout_secs)
        interval = min(1.0, self.config.idle_timeout_secs / 4)
        self._sweeper = asyncio.get_running_loop().call_later(interval, self._sweep)

    async def stop(self) -> None:
        """Everybody is told with 1001, media closes, ports are free. Safe to call twice."""
        self._ready = False
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        if self._gateway is not None:
            self._gateway.close_all()
            self._gateway = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        for sock in self._listening:
            sock.close()
        self._listening = []
        if self._conferences is not None:
            self._conferences.close()
            self._conferences = None
        if self._media is not None:
            self._media.close()
            self._media = None


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise StartError(
                f"Port {port} on {host} is taken. Stop what uses it, or choose another with --port (0 = any free one)."
            ) from error
        raise StartError(f"Cannot listen on {host} port {port}: {error.strerror}.") from error
    sock.setblocking(False)
    return sock


__all__ = ["Config", "ConfigError", "Emulator", "StartError"]
