"""A client in a house that does what the official SDK does, step by step."""

from __future__ import annotations

from tests.signaling.house import Client, Handle, House
from tests.signaling.machine import MIX_OFFER, STREAM_OFFER
from tests.signaling.raw_client import display, stream_display


class Guest(Client):
    def __init__(self, house: House, room_id: str, name: str) -> None:
        super().__init__(house, house.account("KEY"), room_id, name)
        self.create()

    def handle(self, plugin: str) -> Handle:
        found = self.attach(plugin)
        assert found is not None
        return found

    def register(self) -> Handle:
        handle = self.handle("audiobridge")
        reply = self.message(handle, {"request": "join", "display": display(self.participant_id)})
        assert reply["plugindata"]["data"]["audiobridge"] == "joined"
        return handle

    def listen(self) -> Handle:
        handle = self.handle("videoroom")
        text = display(self.participant_id)
        self.message(handle, {"request": "join", "ptype": "publisher", "display": text})
        return handle

    def join_mixer(self) -> Handle:
        """As far as the answer to the offer."""
        handle = self.handle("audiobridge")
        text = stream_display(self.participant_id, f"mix of {self.participant_id}", "audiobridge", video=False)
        self.message(handle, {"request": "join", "display": text})
        reply = self.message(handle, {"request": "configure", "display": text}, {"type": "offer", "sdp": MIX_OFFER})
        assert reply["jsep"]["type"] == "answer"
        return handle

    def publish(self, stream_id: str, key: str = "self") -> Handle:
        """As far as the answer to the offer."""
        handle = self.handle("videoroom")
        text = stream_display(self.participant_id, stream_id, key)
        self.message(handle, {"request": "join", "ptype": "publisher", "display": text})
        self.message(handle, {"request": "configure", "display": text}, {"type": "offer", "sdp": STREAM_OFFER})
        return handle

    def detach(self, handle: Handle) -> None:
        assert self.request("detach", handle_id=handle.id)["janus"] == "success"

    def hears_of(self) -> set[str]:
        self.take()
        return set(self.audio.values())
