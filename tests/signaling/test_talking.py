"""Who talks: E12 and E13, told at transitions (S-100, S-101), heard by RoomClients that really speak."""

from __future__ import annotations

from emulator.clients.room_client import RoomClient
from emulator.server import Emulator
from tests.signaling.conftest import Clients
from tests.signaling.raw_client import RawClient, RestRoom


async def test_s100_s101_talking_and_its_end_come_once_each_with_the_pub_id_and_the_mix_id(
    emulator: Emulator, client: Clients, room: RestRoom
) -> None:
    listener = await client(entered=True)
    speaker = RoomClient(ws_url=emulator.ws_url, room_id=room.id, token=await room.token(), name="Speaker")
    async with speaker:
        await speaker.publish(video=None, audio="tone")
        feed = (await listener.event(publishers=...))["publishers"][0]["id"]
        # 1.5 s and more of loud packets, 50 a second, make one beginning and one end each.
        for handle, who in ((listener.lst, feed), (listener.reg, mix_id(listener, speaker.participant_id))):
            await listener.wait(lambda handle=handle: talk(listener, handle), "the beginning of the talk")  # type: ignore[misc]
            assert talk(listener, handle) == [("talking", who)]
        await speaker.hears_not(speaker, for_seconds=1.0)
        await speaker.update_stream(audio=False)
        for handle, who in ((listener.lst, feed), (listener.reg, mix_id(listener, speaker.participant_id))):
            await listener.wait(lambda handle=handle: len(talk(listener, handle)) > 1, "the end of the talk")  # type: ignore[misc]
            assert talk(listener, handle) == [("talking", who), ("stopped-talking", who)]


def talk(raw: RawClient, handle: int) -> list[tuple[str, int]]:
    told = [(event.get("videoroom") or event.get("audiobridge"), event) for event in raw.events(handle)]
    return [(word, event["id"]) for word, event in told if word in ("talking", "stopped-talking")]


def mix_id(raw: RawClient, participant_id: str) -> int:
    """The last entry that was announced of this person: presence comes first."""
    entries = [entry for event in raw.events(raw.reg) for entry in event.get("participants", ())]
    return int(entries[-1]["id"])
