"""The thresholds of talk detection are the emulator's settings, for the mix and for each stream."""

from __future__ import annotations

import pytest

from emulator.clients.room_client import RoomClient
from emulator.config import Config, ConfigError
from emulator.media.audio.activity import TalkSettings
from emulator.media.audio.loudness import SILENCE_DBFS, Loudness
from emulator.media.audio.opus import FRAME
from emulator.rooms.happenings import TalkingChanged
from emulator.server import Emulator
from tests.media.audio_signals import encoded, noise, tone


@pytest.mark.parametrize("dbfs", [-10, -30, -50])
def test_loudness_of_a_stream_is_measured_when_its_packets_do_not_tell_it(dbfs: float) -> None:
    loudness = Loudness()
    found = [loudness.of(packet) for packet in encoded(noise(dbfs, 20))]
    for level in found[3:]:
        assert level == pytest.approx(dbfs, abs=4.0)


def test_loudness_of_silence_and_of_garbage() -> None:
    loudness = Loudness()
    silent = [loudness.of(packet) for packet in encoded(tone(440, 5, amplitude=0.0))]
    assert silent[-1] is not None
    assert SILENCE_DBFS <= silent[-1] < -80
    assert loudness.of(b"") is None
    assert loudness.of(b"\xff\xff") is None
    assert FRAME == 960


async def test_settings_reach_the_mix_and_the_streams() -> None:
    """The tone is at about -20 dBFS: with a threshold above it, nobody talks; with one far below, all do."""
    told = {}
    for threshold in (-5.0, -60.0):
        async with Emulator(Config(port=0, talk_threshold_dbfs=threshold, talk_attack_secs=0.1)) as emulator:
            account = emulator.accounts.by_key("KEY")
            assert account is not None
            from emulator.rooms.room import RoomSettings

            room = account.create_room(RoomSettings())
            minted = emulator.lobby._mint.mint(
                "access",
                room_id=room.id,
                account_id=account.id,
                ttl_secs=600,
                now=account.now(),
                new_id=account.new_id,
            )
            async with (
                RoomClient(ws_url=emulator.ws_url, room_id=room.id, token=minted.text, tone=3) as speaker,
                RoomClient(ws_url=emulator.ws_url, room_id=room.id, token=minted.text, tone=4) as listener,
            ):
                await speaker.publish(video=None, audio="tone")
                await listener.hears(speaker)
                await listener.hears_not(4, for_seconds=0.5)
                events = [record.event for record in account.log.since(0)]
                told[threshold] = {e.stream_id is None for e in events if isinstance(e, TalkingChanged)}
    assert told == {-5.0: set(), -60.0: {True, False}}


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("talk_threshold_dbfs", 1.0, "talk_threshold: expected -127 to 0 dBFS, got 1"),
        ("talk_attack_secs", -0.1, "talk_attack: expected 0 to 60 s, got -0.1 s"),
        ("talk_hold_secs", float("nan"), "talk_hold: expected 0 to 60 s, got nan s"),
    ],
)
def test_wrong_settings_are_refused(field: str, value: float, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Config(port=0, **{field: value})


def test_defaults_are_one_and_the_same() -> None:
    config, talk = Config(), TalkSettings()
    assert (config.talk_threshold_dbfs, config.talk_attack_secs, config.talk_hold_secs) == (
        talk.threshold,
        talk.attack,
        talk.hold,
    )
