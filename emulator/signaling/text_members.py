"""Who is in one room's text room, and what they are told of each other (signaling.md 4.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from emulator.values import value_class
from emulator.wire import textroom as wire
from emulator.wire.textroom import Frame


@value_class(frozen=True, slots=True, eq=False)
class TextMember:
    """`send` hands over one serialised frame: False when the client cannot be reached."""

    username: str
    """The participant id."""
    display: str | None
    send: Callable[[str], bool]
    put_out: Callable[[], None]
    """Called when somebody else takes the member's place."""

    def as_json(self) -> Frame:
        return wire.person(self.username, self.display)


class TextMembers:
    """`room_number` is what `setup` tells as `janus_room_id`; frames name the room by it."""

    def __init__(self, room_id: str, room_number: int) -> None:
        self.room_id = room_id
        self.room_number = room_number
        self._members: dict[str, TextMember] = {}

    def __len__(self) -> int:
        return len(self._members)

    def is_this_room(self, room: object) -> bool:
        """By number, by the room's own id, or not named at all, as by a client that was told no number."""
        return room is None or room in (self.room_number, self.room_id, str(self.room_number))

    def others(self, member: TextMember) -> list[Frame]:
        return [other.as_json() for other in self._members.values() if other is not member]

    def join(self, member: TextMember) -> None:
        """Everybody else hears of it. Who is there already under this id makes way, as everywhere else in the room."""
        previous = self._members.get(member.username)
        if previous is not None:
            self.leave(previous)
            previous.put_out()
        self._members[member.username] = member
        self._tell(wire.joined(self.room_number, member.username, member.display), but=member)

    def leave(self, member: TextMember) -> None:
        """Without effect when the member has left or been replaced before."""
        if self._members.get(member.username) is member:
            del self._members[member.username]
            self._tell(wire.left(self.room_number, member.username))

    def to_all(self, text: str, sender: TextMember) -> None:
        """The sender is one of them (S-40); it comes last, since only the others wait."""
        for member in tuple(self._members.values()):
            if member is not sender:
                member.send(text)
        sender.send(text)

    def to_some(self, text: str, recipients: Iterable[str]) -> dict[str, bool]:
        """Who got it and who did not (S-41, S-43)."""
        sent = {}
        for username in recipients:
            member = self._members.get(username)
            sent[username] = member is not None and member.send(text)
        return sent

    def _tell(self, frame: Frame, *, but: TextMember | None = None) -> None:
        text = wire.serialise(frame)
        for member in tuple(self._members.values()):
            if member is not but:
                member.send(text)
