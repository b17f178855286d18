"""What the domain refuses. A refused command changes nothing and appends nothing.

DomainError
├── NotFound            no such room, session, participant, recording, composition
├── Invalid             a value is wrong; names the field
│   ├── Missing         a required field is absent
│   ├── Duplicate       a unique name is taken
│   └── NoSuchAssociate a field names a resource that does not exist
├── BadDocument         a state document is wrong; says where
├── SessionOver         an action on a session that has ended
├── RoomFull            a join above max_participants
├── Conflict            a join or publish that contradicts what is there
└── TokenRefused        a token that does not open this door
    ├── TokenExpired
    └── TokenForbidden  genuine, but for another room
"""

from __future__ import annotations


class DomainError(Exception):
    """Base of everything the domain refuses; its text is fit for the user."""


class NotFound(DomainError):
    def __init__(self, kind: str, resource_id: str) -> None:
        super().__init__(f"There is no {kind} with the id {resource_id!r}.")
        self.kind = kind
        self.resource_id = resource_id


class Invalid(DomainError):
    """`field` names the offending value, as on the wire; inside of objects it is a path: `video_layout/left/width`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Missing(Invalid):
    pass


class Duplicate(Invalid):
    pass


class NoSuchAssociate(Invalid):
    pass


class BadDocument(DomainError, ValueError):
    """`pointer` is the JSON pointer (RFC 6901) of the offending place in the state document."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(f"{pointer or 'the document'}: {message}")
        self.pointer = pointer


class SessionOver(DomainError):
    """An action on a session that is over: the service says "No private_ip for room" (R-75)."""

    def __init__(self) -> None:
        super().__init__("No private_ip for room")


class RoomFull(DomainError):
    def __init__(self, limit: int) -> None:
        super().__init__(f"The room is full: max_participants is {limit}.")
        self.limit = limit


class Conflict(DomainError):
    pass


class TokenRefused(DomainError):
    pass


class TokenExpired(TokenRefused):
    pass


class TokenForbidden(TokenRefused):
    pass
