"""The emulator: every part made, wired, started and stopped, in one process and on one event loop."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import socket
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from aiohttp import web

from emulator.admin.access import AccountAccess
from emulator.admin.accounts import AccountRoutes
from emulator.admin.captures import CaptureRoutes
from emulator.admin.clock import ClockRoutes
from emulator.admin.events import EventRoutes
from emulator.admin.faults import FaultRoutes
from emulator.admin.fidelity import FidelityRoutes
from emulator.admin.guard import Guard, new_token
from emulator.admin.impairments import ImpairmentRoutes
from emulator.admin.media import MediaRoutes
from emulator.admin.metrics import Metrics
from emulator.admin.observers import ObserverRoutes
from emulator.admin.participants import ParticipantRoutes
from emulator.admin.people import People
from emulator.admin.problems import ProblemRoutes
from emulator.admin.routes import Admin
from emulator.admin.scenarios import ScenarioRoutes
from emulator.admin.sink import SinkRoutes
from emulator.admin.sinks import Sinks
from emulator.admin.stages import Stages
from emulator.admin.state import StateRoutes
from emulator.admin.stats import StatsRoutes
from emulator.admin.timeline import TimelineRoutes
from emulator.admin.tokens import TokenRoutes
from emulator.admin.webhooks import WebhookRoutes
from emulator.admin.wire import WireRoutes
from emulator.api.downloads import Downloads
from emulator.api.faults import REST, FaultLayer
from emulator.api.http_log import HttpLog
from emulator.api.rate_limit import RateLimit
from emulator.api.recorder import Recorder
from emulator.api.routes import RestApi
from emulator.clock import RealClock
from emulator.conference.conferences import Conferences
from emulator.config import DEFAULT_KEY, Config, ConfigError
from emulator.events import StoreError
from emulator.faults import Catalogue, Facts, FaultBook, Rule
from emulator.listening import StartError, bind, bind_tls
from emulator.media.audio.activity import TalkSettings
from emulator.media.impairments import MEDIA, ActiveImpairment, ImpairmentBook
from emulator.media.transport.udp import MediaSocket
from emulator.recording.media_recorder import MediaRecorder
from emulator.rooms.account import Account
from emulator.rooms.accounts import Accounts
from emulator.rooms.happenings import EVENT_TYPES
from emulator.rooms.tokens import TokenMint
from emulator.signaling.faults import SIGNALING
from emulator.signaling.gateway import Gateway
from emulator.signaling.hub import CLOSE_SESSION_TERMINATED
from emulator.signaling.lobby import Lobby
from emulator.store.budget import MEGABYTE
from emulator.travelling_clock import TravellingClock
from emulator.webhooks.faults import WEBHOOKS
from emulator.webhooks.service import Webhooks
from emulator.webhooks.settings import WebhookSettings
from emulator.webhooks.signing import WebhookSigner
from emulator.wirelog import WireLogs

if TYPE_CHECKING:
    from emulator.store.directory import DataDir
    from emulator.store.log import Store
    from emulator.tls import Tls

log = logging.getLogger("emulator.server")

SHUTDOWN_SECS = 1.0


class Emulator:
    """One running emulator; also an async context manager.

    After `start`: `rest_url`, `ws_url`, `admin_url`, `udp_port`, `api_key`, `webhook_public_key`, `admin_token`.
    """

    def __init__(self, config: Config | None = None) -> None:
        """Raises ConfigError for a key file that cannot be used."""
        self.config = config or Config()
        self.api_key = self.config.api_keys[0] if self.config.api_keys else DEFAULT_KEY
        self.admin_token = self.config.admin_token or (None if self.config.on_loopback else new_token())
        """What the admin API asks for; None: nothing."""
        self.webhook_signer = WebhookSigner(self.config.webhook_signing_key())
        self._token_key = self.config.token_key()
        self.faults = FaultBook(Catalogue([REST, SIGNALING, WEBHOOKS]))
        self.wire = WireLogs(RealClock())
        self.faults.on_fired = self._note_fault
        self.port = 0
        self.udp_port = 0
        self.accounts: Accounts
        self.lobby: Lobby
        self._conferences: Conferences | None = None
        self._impairments: ImpairmentBook | None = None
        self._recorder: MediaRecorder | None = None
        self._ready = False
        self._runner: web.AppRunner | None = None
        self._listening: list[socket.socket] = []
        self._media: MediaSocket | None = None
        self._gateway: Gateway | None = None
        self._events: EventRoutes | None = None
        self._webhooks: Webhooks | None = None
        self._sinks = Sinks()
        self.stages = Stages(rest_url=lambda: self.rest_url, ws_url=lambda: self.ws_url, admin_token=self.admin_token)
        self._people = People(rest_url=lambda: self.rest_url, ws_url=lambda: self.ws_url, admin_token=self.admin_token)
        self._sweeper: asyncio.TimerHandle | None = None
        self.tls: Tls | None = None
        self.tls_port = 0
        self._directory: DataDir | None = None
        self._store: Store | None = None

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

    @property
    def webhooks(self) -> Webhooks:
        """Of all accounts; `await webhooks.drained(account)` waits until nothing is on its way any more."""
        if self._webhooks is None:
            raise RuntimeError("webhooks are delivered while the emulator runs: start it first")
        return self._webhooks

    @property
    def media_directory(self) -> Path | None:
        """Where recordings are, a folder for each account; None while there is none, and none is kept."""
        return None if self._recorder is None else self._recorder.files.directory

    async def media_settled(self) -> None:
        """Until what is to be written to media files, and what is to be removed, is."""
        if self._recorder is not None:
            await self._recorder.disk.drained()

    def info(self) -> dict[str, object]:
        told: dict[str, object] = {
            "host": self.config.host,
            "rest_url": self.rest_url,
            "ws_url": self.ws_url,
            "admin_url": self.admin_url,
            "udp_port": self.udp_port,
            "webhook_public_key": self.webhook_public_key,
        }
        if self.tls is not None:
            told["tls_port"] = self.tls_port
            told["tls_spki"] = self.tls.spki
        return told

    # -- accounts -------------------------------------------------------------------------------------------------

    def open_account(
        self, key: str, *, seed: int | None = None, start_time: datetime | None = None, freeze: bool | None = None
    ) -> Account:
        """The account of a key that has none yet, with settings of its own; None: as the configuration has it.

        Raises AccountExists, TooManyAccounts.
        """
        clock = self._new_clock(start_time, freeze)
        return self.accounts.add(key, seed=seed, clock=clock)

    def forget_account(self, key: str) -> None:
        """End whatever goes on in this key's account, and drop it with all its records. Without effect if it has none.

        Its connections are closed with 4000, its tokens are good for nothing any more.
        """
        account = self.accounts.forget(key)
        if account is None:
            return
        self.stages.forget(account)
        self._people.forget(account)
        self.faults.forget(account.id)
        if self._impairments is not None:
            self._impairments.forget(account.id)
        if self._conferences is not None:
            self._conferences.captures.forget(account.id)
        for session in tuple(account.records.sessions.values()):
            if session.active:
                account.end_session(session.id, reason="Account forgotten")
        for connection in tuple(self.lobby.sessions):  # those that have not joined their room yet
            if connection.account is account and not connection.expelled:
                connection.close(CLOSE_SESSION_TERMINATED)
        if self._events is not None:
            self._events.forget(account)
        if self._webhooks is not None:
            self._webhooks.forget(account)
        self.wire.forget(account)
        if self._recorder is not None:
            self._recorder.forget(account)

    def _note_fault(self, account_id: str, rule: Rule, facts: Facts) -> None:
        about = {name: fact for name, fact in facts.items() if isinstance(fact, str)}
        self.wire.by_id(account_id).mishap(rule.id, rule.surface, rule.kind.word, about)

    def _note_impairment(self, account_id: str, impairment: ActiveImpairment, phase: Literal["began", "ended"]) -> None:
        draft = impairment.draft
        about = {"participant_id": draft.participant_id, "direction": draft.direction}
        self.wire.by_id(account_id).mishap(impairment.id, MEDIA.name, draft.kind.word, about, phase)

    # -- starting and stopping ------------------------------------------------------------------------------------

    async def __aenter__(self) -> Emulator:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Raises StartError when an address is taken or cannot be bound, or the data directory cannot be used."""
        loop = asyncio.get_running_loop()
        try:
            self._open_store()
            self._listening, self._media = bind(self.config, loop)
            self.port = self._listening[0].getsockname()[1]
            self.udp_port = self._media.local_address[1]
            await self._serve(loop)
        except StoreError as error:
            await self.stop()
            raise StartError(str(error)) from error
        except BaseException:
            await self.stop()
            raise
        self._ready = True
        self._sweep()

    def _open_store(self) -> None:
        """With a data directory: what is in it, and keys that stay. Raises StoreError."""
        if self.config.data_dir is None:
            return
        # Only who keeps state waits for SQLite to load.
        from emulator.store.directory import DataDir
        from emulator.store.keys import lasting_key
        from emulator.store.log import Store

        self._directory = DataDir.open(self.config.data_dir)
        self._store = Store.open(self._directory, EVENT_TYPES)
        if self.config.signing_key is None:
            self._token_key = lasting_key(self._directory, "token-key.pem")
        if self.config.webhook_key is None:
            self.webhook_signer = WebhookSigner(lasting_key(self._directory, "webhook-key.pem"))

    async def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._media is None:
            raise RuntimeError("the media socket is bound before the server starts")
        rng = random.Random(secrets.randbits(128))
        mint = TokenMint(self._token_key)
        talk = TalkSettings(self.config.talk_threshold_dbfs, self.config.talk_attack_secs, self.config.talk_hold_secs)
        impairments = self._impairments = ImpairmentBook(loop)
        impairments.on_change = self._note_impairment
        conferences = self._conferences = Conferences(
            self._media, loop=loop, rng=rng, talk=talk, impairments=impairments
        )

        recorder = self._recorder = MediaRecorder(
            conferences,
            directory=None if self._directory is None else self._directory.media,
            budget=int(self.config.media_budget_mb * MEGABYTE),
            loop=loop,
        )

        def watch(account: Account) -> None:
            # Subscribers hear of an event in this order: media has changed before anybody is told of it.
            self.wire.watch(account)
            conferences.watch(account)
            self.lobby.watch(account)
            webhooks.watch(account)
            recorder.watch(account)

        config = self.config
        self.accounts = Accounts(keys=config.api_keys, clock=self._new_clock, seed=config.seed, on_created=watch)
        self.lobby = Lobby(
            accounts=self.accounts,
            mint=mint,
            conferences=conferences,
            scheduler=loop,
            rng=rng,
            faults=self.faults,
            wire=self.wire,
            max_frame_bytes=config.max_frame_bytes,
        )
        secret = self._directory.secret("download-secret") if self._directory else secrets.token_bytes(32)
        self._downloads = Downloads(
            self.accounts, secret=secret, base_url=lambda: f"http://{self._authority}", find_file=recorder.find_file
        )
        webhooks = self._webhooks = Webhooks(
            self.webhook_signer,
            download_url=self._downloads.url,
            settings=WebhookSettings(
                attempts=config.webhook_attempts,
                backoff_secs=config.webhook_backoff_secs,
                default_timeout_secs=config.webhook_timeout_secs,
                allow_remote=config.allow_remote_webhooks,
            ),
            faults=self.faults,
            wire=self.wire,
        )
        api = RestApi(
            self.accounts,
            mint,
            self._downloads,
            require_key_for_actions=config.require_key_for_actions,
            lenient=config.lenient,
            rate_limit=RateLimit(*config.rate_limit) if config.rate_limit else None,
            faults=FaultLayer(self.faults),
            wire=self.wire,
        )
        self._gateway = Gateway(self.lobby)
        access = AccountAccess(self.accounts)
        self._events = EventRoutes(access)
        admin = Admin(
            info=self.info,
            ca_pem=lambda: None if self.tls is None else self.tls.ca_pem,
            ready=lambda: self._ready,
            guard=Guard(self._names(), token=self.admin_token),
            parts=[
                AccountRoutes(self.accounts, open_account=self.open_account, forget=self.forget_account),
                StateRoutes(
                    access,
                    on_reset=[
                        lambda account: self.faults.forget(account.id),
                        lambda account: impairments.forget(account.id),
                        lambda account: conferences.captures.forget(account.id),
                        self.stages.forget,
                        self._people.forget,
                    ],
                ),
                ClockRoutes(access),
                TokenRoutes(access, mint),
                FaultRoutes(access, self.faults),
                ImpairmentRoutes(access, impairments),
                self._events,
                ObserverRoutes(access, conferences),
                CaptureRoutes(access, conferences.captures),
                MediaRoutes(access, recorder),
                StatsRoutes(access, conferences.statistics),
                Metrics(
                    tally=self.wire.tally,
                    accounts=self.accounts,
                    lobby=self.lobby,
                    conferences=conferences,
                    media=self._media,
                    impairments=impairments,
                ),
                FidelityRoutes(),
                ProblemRoutes(access, self.lobby.problems),
                WebhookRoutes(access, webhooks),
                WireRoutes(access, self.wire),
                ScenarioRoutes(access, self.stages),
                ParticipantRoutes(access, self._people),
                TimelineRoutes(access, self.wire, self.lobby.problems),
                SinkRoutes(self._sinks, self.webhook_signer.verifier),
            ],
            recorder=Recorder(self.wire, "admin"),
        )
        app = web.Application(middlewares=[admin.middleware, api.error_middleware])
        admin.add_routes(app)
        api.add_routes(app)
        self._gateway.add_routes(app)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=HttpLog(),
            shutdown_timeout=SHUTDOWN_SECS,
            handle_signals=False,
            keepalive_timeout=75,
        )
        await self._runner.setup()
        if self._store is not None:
            self.accounts.restore(self._store)
            recorder.recover()
        for sock in self._listening:
            await web.SockSite(self._runner, sock).start()
        if self.config.tls:
            from emulator.tls import throw_away  # few ask for it; the start need not load it

            secured = bind_tls(self.config)
            self._listening += secured
            self.tls, self.tls_port = throw_away(self.config.host), secured[0].getsockname()[1]
            for sock in secured:
                await web.SockSite(self._runner, sock, ssl_context=self.tls.context).start()

    def _new_clock(self, start_time: datetime | None = None, freeze: bool | None = None) -> TravellingClock:
        """Each account has one of its own: it runs with real time until somebody moves it."""
        clock = TravellingClock(frozen_at=start_time or self.config.start_time)
        if self.config.freeze if freeze is None else freeze:
            clock.freeze()
        elif clock.frozen:
            clock.run()
        return clock

    def _names(self) -> list[str]:
        """What this emulator is reached by, besides loopback."""
        config = self.config
        return [config.host, *config.allow_hosts, *([config.advertise] if config.advertise is not None else [])]

    def _sweep(self) -> None:
        self.lobby.sweep(self.config.idle_timeout_secs)
        self.accounts.write_pending()
        self.wire.settle()
        interval = min(1.0, self.config.idle_timeout_secs / 4)
        self._sweeper = asyncio.get_running_loop().call_later(interval, self._sweep)

    async def stop(self) -> None:
        """Everybody is told with 1001, media closes, ports are free. Safe to call twice."""
        self._ready = False
        await self.stages.close()
        await self._people.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        if self._gateway is not None:
            self._gateway.close_all()
            self._gateway = None
        if self._events is not None:
            self._events.end()
        self._sinks.close()
        if self._webhooks is not None:
            await self._webhooks.close()
            self._webhooks = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        for sock in self._listening:
            sock.close()
        self._listening = []
        if self._impairments is not None:
            self._impairments.close()
            self._impairments = None
        if self._recorder is not None:
            await self._recorder.close()
            self._recorder = None
        if self._conferences is not None:
            self._conferences.close()
            self._conferences = None
        if self._media is not None:
            self._media.close()
            self._media = None
        if self._store is not None:  # last: until here, people leave
            self._store.close()
            self._store = None
        if self._directory is not None:
            self._directory.close()
            self._directory = None


__all__ = ["Config", "ConfigError", "Emulator", "StartError"]
