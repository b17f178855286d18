"""Messages as a user's test sends and awaits them."""

from __future__ import annotations

from conftest_plugin.rooms_emulator import AsyncRoomsEmulator, RoomsEmulator
from emulator.clients.events import MessageReceived


def test_people_write_to_each_other(rooms_emulator: RoomsEmulator) -> None:
    room = rooms_emulator.create_room()
    alice, bob = (rooms_emulator.participant(room, name, messages=True) for name in ("alice", "bob"))
    alice.send_message("hello")
    alice.send_message("psst", to=[bob])
    assert bob.wait_for(MessageReceived, {"payload": "psst"}).recipients == (bob.participant_id,)
    assert bob.wait_for(MessageReceived).participant_id == alice.participant_id
    assert alice.wait_for(MessageReceived).payload == "hello"


async def test_people_write_to_each_other_awaited(rooms_emulator_async: AsyncRoomsEmulator) -> None:
    room = await rooms_emulator_async.create_room()
    alice = await rooms_emulator_async.participant(room, "alice", messages=True)
    bob = await rooms_emulator_async.participant(room, "bob", messages=True)
    await bob.send_message({"any": "JSON"}, to=alice, kind="custom")
    message = await alice.wait_for(MessageReceived)
    assert (message.kind, message.payload) == ("custom", {"any": "JSON"})
