"""The small translation between the platform's dialect and plain Janus 1.1.2 (what a gateway in front of it does).

Plain Janus knows no client token, names its rooms by numbers, tells no `janus_room_id` and answers the second `detach`
of a handle with an error. Moderation and the refusal of tokens are left out: Janus has nothing to compare them with.
"""

from __future__ import annotations

from typing import Any

Frame = dict[str, Any]

NO_SUCH_HANDLE = 459


class Translation:
    """For one connection: `outgoing` to Janus, `incoming` from it. No I/O."""

    def __init__(self, room_id: str, room_number: int) -> None:
        self._room_id = room_id
        self._room_number = room_number
        self._setups: set[str] = set()
        self._detaching: dict[str, int] = {}
        self._detached: set[int] = set()

    def outgoing(self, frame: Any) -> Any:
        if not isinstance(frame, dict):
            return frame
        frame = {name: value for name, value in frame.items() if name != "client_token"}
        body = frame.get("body")
        if isinstance(body, dict):
            if isinstance(body.get("room"), str):  # any other name is one of no room
                known = body["room"] == self._room_id
                frame["body"] = body | {"room": self._room_number if known else self._room_number + 1}
            if body.get("request") == "setup":
                self._setups.add(str(frame.get("transaction")))
        if frame.get("janus") == "detach":
            self._detaching[str(frame.get("transaction"))] = frame["handle_id"]
        return frame

    def incoming(self, frame: Frame) -> Frame:
        transaction = str(frame.get("transaction"))
        if transaction in self._detaching:
            frame = self._detach_reply(frame, self._detaching.pop(transaction))
        data = frame.get("plugindata", {}).get("data")
        if not isinstance(data, dict):
            return frame
        if data.get("room") == self._room_number:
            data = data | {"room": self._room_id}
        if transaction in self._setups and data.get("result") == "ok":
            self._setups.remove(transaction)
            data = data | {"janus_room_id": self._room_number}
        return frame | {"plugindata": frame["plugindata"] | {"data": data}}

    def _detach_reply(self, frame: Frame, handle_id: int) -> Frame:
        if frame["janus"] == "success":
            self._detached.add(handle_id)
        elif frame["error"]["code"] == NO_SUCH_HANDLE and handle_id in self._detached:
            return {name: frame[name] for name in ("session_id", "transaction")} | {"janus": "success"}
        return frame
