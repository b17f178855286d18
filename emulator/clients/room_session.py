"""A participant on the wire: joins, publishes, subscribes and leaves with the requests of the official JavaScript SDK.

One WebSocket is one Janus session is one participant, with the handles REG (who is here), LST (what is published) and MIX
(the mixed audio); each published stream adds a PUB, each subscription a SUB (signaling.md). `RoomClient` builds on this.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
import secrets
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from random import Random
from types import TracebackType
from typing import Any, Literal

from typing_extensions import Self

from emulator.clients.audio_reception import AudioReception
from emulator.clients.audio_track import TimedBlock
from emulator.clients.errors import (
    ClientError,
    ClientStateError,
    ConnectionLost,
    ProtocolViolation,
    Refused,
    RequestTimeout,
    SignalingError,
)
from emulator.clients.events import (
    ClientEvent,
    Connected,
    Disconnected,
    EventHistory,
    StreamPublished,
    SubscriptionStarted,
    TrackCensored,
    TrackUncensored,
)
from emulator.clients.mix_input import MixInput
from emulator.clients.peer import MediaSettings, MixConnection, PeerConnection, PublisherConnection
from emulator.clients.published_stream import PublishedStream, send_block
from emulator.clients.roster import Participant, Roster, Stream
from emulator.clients.signaling import AUDIOBRIDGE, VIDEOROOM, JanusClient, PluginAnswer, PluginEvent, reason_for
from emulator.clients.sources.base import Identity
from emulator.clients.sources.registry import AudioSpec, VideoSpec, audio_source, video_source
from emulator.clients.subscription import Subscription
from emulator.clients.websocket import Transport, open_websocket
from emulator.clients.workers import Workers, shared_workers
from emulator.media.transport.dtls import Certificate
from emulator.probes.tones import TONES
from emulator.wire import display as displays
from emulator.wire.janus import Jsep

log = logging.getLogger("emulator.clients")

CONNECT_TIMEOUT_SECS = 30.0
PUBLISH_BITRATE = 500_000
MAX_FAULTS = 100
CODE_CONNECT_TIMEOUT = 3999

Status = Literal["initialized", "connecting", "connected", "disconnected"]
OpenTransport = Callable[[str], Awaitable[Transport]]


@functools.cache
def shared_certificate() -> Certificate:
    """One per process is enough: browsers reuse theirs, too."""
    return Certificate.generate()
