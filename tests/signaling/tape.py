"""Records what is said on an emulator's signaling, as the server sees it: one order for all connections."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from emulator.rooms.account import Account
from emulator.server import Emulator
from emulator.signaling.gateway import _Connection
from emulator.signaling.session import SignalingSession
from emulator.signaling.surroundings import Close
from emulator.signaling.textroom import TextRoom
from emulator.wire.janus import serialise
from tests.signaling.conversation import ROOM, Line

SOMEWHERE = "192.0.2.1"
"""Of RFC 5737, instead of the addresses of the machine that records."""
_CANDIDATE = re.compile(r"(candidate:\S+ \d+ \S+ \d+ )(\S+)( \d+ typ )")
_RELATED = re.compile(r"( raddr )(\S+)")
_CONNECTION = re.compile(r"(c=IN IP[46] |o=\S+ \d+ \d+ IN IP[46] )([0-9A-Fa-f.:]+)")


class Tape:
    """What happens while it runs goes into `lines`. Connections get the names that `expect` announced, in order."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.tokens: dict[str, str] = {}
        """Text -> placeholder."""
        self._room_id = ""
        self._expected: deque[str] = deque()
        self._names: dict[SignalingSession, str] = {}
        self._left: set[SignalingSession] = set()
        self._served = False
        """A client's frame or farewell is being dealt with: what happens now is its effect."""

    def begin(self, room_id: str) -> None:
        self.lines.clear()
        self.tokens.clear()
        self._room_id = room_id
        self._expected.clear()
        self._names.clear()
        self._left.clear()

    def expect(self, name: str) -> None:
        self._expected.append(name)

    def token(self, text: str) -> str:
        """The placeholder of a token that clients will use."""
        return self.tokens.setdefault(text, f"<token {len(self.tokens) + 1}>")

    def note(self, **line: Any) -> None:
        text = json.dumps(line, ensure_ascii=False)
        for token, placeholder in self.tokens.items():
            text = text.replace(token, placeholder)
        text = _CANDIDATE.sub(_hide, text.replace(self._room_id, ROOM))
        text = _CONNECTION.sub(_hide, _RELATED.sub(_hide, text))
        self.lines.append(json.loads(text))

    @property
    def talking(self) -> dict[tuple[str, str | None], bool]:
        """Who talks, and who has stopped; by participant and stream."""
        told = (line for line in self.lines if "talking" in line)
        return {(line["participant"], line["stream"]): line["talking"] for line in told}

    def said(self) -> list[Line]:
        """The clients' frames."""
        return [line["frame"] for line in self.lines if "from" in line and "frame" in line]

    def session(self, name: str) -> SignalingSession:
        return next(session for session, known in self._names.items() if known == name)

    @contextmanager
    def running(self, emulator: Emulator, account: Account) -> Iterator[None]:
        """The emulator is watched at its seams; it does what it does."""
        tape, lobby = self, emulator.lobby
        open_session, closed, echo = lobby.open, lobby.closed, _Connection._echo
        heard, send = TextRoom._heard, TextRoom._send
        end_session, delete_room = account.end_session, account.delete_room
        announce, unpublish, talk = account.announce_stream, account.unpublish, account.tell_talking

        def tapped_open(room_id: str, wake: Callable[[], None], *, media: bool = True) -> SignalingSession:
            session = open_session(room_id, wake, media=media)
            tape._enter(session)
            return session

        def tapped_closed(session: SignalingSession, *, lost: bool) -> None:
            tape._leave(session, "lost" if lost else "echo")
            with tape._serving():
                closed(session, lost=lost)

        async def tapped_echo(connection: _Connection, code: int) -> None:
            tape._leave(connection._session, code or None)
            await echo(connection, code)

        def tapped_heard(room: TextRoom, message: str | bytes) -> None:
            tape.note(**{"from": tape._names[room._session], "text": json.loads(message)})
            heard(room, message)

        def tapped_send(room: TextRoom, text: str) -> bool:
            sent = send(room, text)
            if sent:
                tape.note(to=tape._names[room._session], text=json.loads(text))
            return sent

        def note_connection(what: str, stream_id: str) -> None:
            for hub in lobby._hubs.values():
                feed = hub.feed_of_stream(stream_id)
                if feed is not None:
                    who = next(name for session, name in tape._names.items() if session is feed.session)
                    tape.note(**{what: who, "handle": feed.handle_id})

        def tapped_announce(participant_id: str, stream_id: str) -> None:
            note_connection("connected", stream_id)
            announce(participant_id, stream_id)

        def tapped_unpublish(participant_id: str, stream_id: str) -> None:
            if not tape._served:
                note_connection("disconnected", stream_id)
            unpublish(participant_id, stream_id)

        def tapped_act(name: str, act: Callable[..., None]) -> Callable[..., None]:
            # When it is done, not when it is asked for: frames may come in between.
            def tapped(session_id: str, participants: Any, exclude: Collection[str] = ()) -> None:
                tape.note(act=name, participants=participants, exclude=sorted(exclude))
                act(session_id, participants, exclude)

            return tapped

        def tapped_end(session_id: str, **reason: str) -> None:
            tape.note(act="end")
            end_session(session_id, **reason)

        def tapped_delete(room_id: str) -> None:
            tape.note(act="delete room")
            delete_room(room_id)

        def tapped_talk(participant_id: str, *, stream_id: str | None, talking: bool) -> None:
            tape.note(talking=talking, participant=participant_id, stream=stream_id)
            talk(participant_id, stream_id=stream_id, talking=talking)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lobby, "open", tapped_open)
            patch.setattr(lobby, "closed", tapped_closed)
            patch.setattr(_Connection, "_echo", tapped_echo)
            patch.setattr(TextRoom, "_heard", tapped_heard)
            patch.setattr(TextRoom, "_send", tapped_send)
            patch.setattr(account, "announce_stream", tapped_announce)
            patch.setattr(account, "unpublish", tapped_unpublish)
            for name in ("mute", "unmute", "kick"):
                patch.setattr(account, name, tapped_act(name, getattr(account, name)))
            patch.setattr(account, "end_session", tapped_end)
            patch.setattr(account, "delete_room", tapped_delete)
            patch.setattr(account, "tell_talking", tapped_talk)
            yield

    def _enter(self, session: SignalingSession) -> None:
        name = self._names[session] = self._expected.popleft()
        self.note(enter=name)
        receive = session.receive

        def tapped_receive(text: str) -> None:
            self.note(**{"from": name, "frame": json.loads(text)})
            with self._serving():
                receive(text)

        session.receive = tapped_receive  # type: ignore[method-assign]
        session.outbox = _Outbox(self, name)

    @contextmanager
    def _serving(self) -> Iterator[None]:
        before, self._served = self._served, True
        yield
        self._served = before

    def _leave(self, session: SignalingSession, how: int | str | None) -> None:
        if session not in self._left:
            self._left.add(session)
            self.note(leave=self._names[session], how=how)


class _Outbox(deque[Any]):
    """Notes what is put into it."""

    def __init__(self, tape: Tape, name: str) -> None:
        super().__init__()
        self._tape = tape
        self._name = name

    def append(self, item: Any) -> None:
        if isinstance(item, Close):
            self._tape.note(to=self._name, close=item.code)
        else:
            self._tape.note(to=self._name, frame=json.loads(serialise(item)))
        super().append(item)


def _hide(found: re.Match[str]) -> str:
    before, address, *after = found.groups()
    public = address.endswith(".local") or address in ("127.0.0.1", "0.0.0.0", "::")
    return before + (address if public else SOMEWHERE) + "".join(after)
