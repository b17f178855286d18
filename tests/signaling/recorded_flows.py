"""The flows that are recorded: what people do on pages that run the vendor's SDK."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.signaling.record_conversations import Stage

Play = Callable[["Stage"], Awaitable[None]]

SMALL = {"source": "canvas", "width": 320, "height": 180}


@dataclass(frozen=True)
class Flow:
    name: str
    about: str
    play: Play
    max_participants: int


FLOWS: dict[str, Flow] = {}


def flow(*, max_participants: int = 10) -> Callable[[Play], Play]:
    def register(play: Play) -> Play:
        name = play.__name__.replace("_", "-")
        FLOWS[name] = Flow(name, (play.__doc__ or "").strip(), play, max_participants)
        return play

    return register


@flow()
async def join_empty_room(stage: Stage) -> None:
    """signaling.md 6.1 without messages, and 6.8."""
    alice = await stage.join("alice")
    await stage.leave(alice)


@flow()
async def join_with_messages(stage: Stage) -> None:
    """signaling.md 6.1: the text room comes before everything else."""
    alice = await stage.join("alice", messages=True)
    await stage.leave(alice)


@flow()
async def join_occupied_room(stage: Stage) -> None:
    """signaling.md 6.2: somebody is there, with a stream."""
    alice = await stage.join("alice")
    await alice.add_stream("self", audio=False, video=SMALL)
    bob = await stage.join("bob")
    await stage.leave(alice, bob)
    await stage.leave(bob)


@flow()
async def publish_and_toggle(stage: Stage) -> None:
    """signaling.md 6.3, E10: camera and microphone off and on, then the stream is removed."""
    alice = await stage.join("alice")
    bob = await stage.join("bob")
    await alice.add_stream("self", audio=True, video=SMALL)
    await bob.wait_event("stream_published", alice.participant_id, "self")
    for kind, source in (("video", SMALL), ("audio", True)):
        await alice.update_stream("self", **{kind: False})
        await bob.wait_event("track_disabled", alice.participant_id, "self", kind)
        await alice.update_stream("self", **{kind: source})
        await bob.wait_event("track_enabled", alice.participant_id, "self", kind)
    await alice.remove_stream("self")
    await bob.wait_event("stream_unpublished", alice.participant_id, "self")
    await stage.leave(alice, bob)
    await stage.leave(bob)


@flow()
async def fallback_first(stage: Stage) -> None:
    """4.3: a publish without tracks, then several toggles at once, then real tracks."""
    alice = await stage.join("alice")
    bob = await stage.join("bob")
    await alice.add_stream("self", audio=False, video=False)
    await bob.wait_event("stream_published", alice.participant_id, "self")
    code = """async () => {
      const track = () => {
        const canvas = document.createElement("canvas");
        canvas.getContext("2d").fillRect(0, 0, 9, 9);
        return canvas.captureStream(1).getVideoTracks()[0];
      };
      const room = window.app.room;
      await Promise.all([{ video: track() }, {}, { video: track() }].map((each) => room.updateStream("self", each)));
    }"""
    await alice.evaluate(code)
    await alice.update_stream("self", audio=True, video={**SMALL, "width": 640, "height": 360})
    await bob.wait_event("track_enabled", alice.participant_id, "self", "audio")
    await stage.leave(alice, bob)
    await stage.leave(bob)


@flow()
async def presentation(stage: Stage) -> None:
    """Two streams of one person, one removed and added again."""
    alice = await stage.join("alice")
    bob = await stage.join("bob")
    for key in ("self", "presentation"):
        await alice.add_stream(key, audio=key == "self", video=SMALL)
        await bob.wait_event("stream_published", alice.participant_id, key)
    await alice.remove_stream("presentation")
    await bob.wait_event("stream_unpublished", alice.participant_id, "presentation")
    mark = await bob.mark()
    await alice.add_stream("presentation", audio=False, video=SMALL)
    await bob.wait_event("stream_published", alice.participant_id, "presentation", since=mark)
    await stage.leave(alice, bob)
    await stage.leave(bob)


@flow()
async def simulcast(stage: Stage) -> None:
    """4.3: a publish with three encodings."""
    alice = await stage.join("alice")
    bob = await stage.join("bob")
    await alice.add_stream("self", audio=False, video={"source": "canvas", "simulcast": True})
    await bob.wait_event("stream_published", alice.participant_id, "self")
    await bob.subscribe(alice.participant_id)
    await stage.leave(alice, bob)
    await stage.leave(bob)


@flow()
async def subscribe_and_update(stage: Stage) -> None:
    """signaling.md 6.4, R17, R19: a subscription is paused, resumed, ended, and begun again."""
    alice = await stage.join("alice")
    await alice.add_stream("self", audio=True, video=SMALL)
    bob = await stage.join("bob")
    if not await bob.streams_of(alice.participant_id):
        await bob.wait_event("stream_published", alice.participant_id, "self")
    await bob.subscribe(alice.participant_id)
    await bob.update_subscription(alice.participant_id, "self", audio=False, video=True)
    await bob.update_subscription(alice.participant_id, "self", audio=True, video=True)
    await bob.unsubscribe(alice.participant_id)
    await bob.subscribe(alice.participant_id, audio=False)
    await bob.unsubscribe(alice.participant_id)
    await stage.leave(bob, alice)
    await stage.leave(alice)


@flow()
async def unpublish_while_subscribed(stage: Stage) -> None:
    """signaling.md 6.7."""
    alice = await stage.join("alice")
    bob = await stage.join("bob")
    await alice.add_stream("self", audio=True, video=SMALL)
    await bob.wait_event("stream_published", alice.participant_id, "self")
    await bob.subscribe(alice.participant_id)
    await alice.remove_stream("self")
    await bob.wait_event("stream_unpublished", alice.participant_id, "self")
    await stage.leave(alice, bob)
    await stage.leave(bob)


@flow()
async def leave_while_subscribed(stage: Stage) -> None:
    """signaling.md 6.8 with everything that hangs on it, both ways."""
    alice = await stage.join("alice")
    bob = await stage.join("bob")
    for page, other in ((alice, bob), (bob, alice)):
        await page.add_stream("self", audio=True, video=SMALL)
        await other.wait_event("stream_published", page.participant_id, "self")
        await other.subscribe(page.participant_id)
    await stage.leave(alice, bob)
    await stage.leave(bob)


@flow()
async def same_key_twice(stage: Stage) -> None:
    """4.2: two addStream at once with one key; the second is refused (and its promise never settles)."""
    alice = await stage.join("alice")
    code = """() => {
      const room = window.app.room;
      return Promise.race([room.addStream("self", {}), room.addStream("self", {})]);
    }"""
    await alice.evaluate(code)
    await stage.leave(alice)


@flow()
async def messages(stage: Stage) -> None:
    """signaling.md 6.6: to all, to one, to somebody unknown."""
    alice = await stage.join("alice", messages=True)
    bob = await stage.join("bob", messages=True)
    await alice.send_message("Grüße an alle 👋")
    await bob.wait_event("message_received", alice.participant_id)
    await bob.send_message("only for you", [alice.participant_id])
    await alice.wait_event("message_received", bob.participant_id)
    await alice.send_message("anybody?", ["nobody"])
    await stage.leave(alice, bob)
    await bob.send_message("alone")
    await stage.leave(bob)


@flow()
async def mute_and_unmute(stage: Stage) -> None:
    """signaling.md 6.5; a stream that comes while its owner is muted, and a listener who comes then, hear of it."""
    alice = await stage.join("alice")
    bob = await stage.join("bob")
    await alice.add_stream("self", audio=True, video=SMALL)
    await bob.wait_event("stream_published", alice.participant_id, "self")
    await stage.act("mute", alice)
    for page in (alice, bob):
        await page.wait_event("track_censored", alice.participant_id, "self", "audio")
    await alice.add_stream("presentation", audio=False, video=SMALL)
    await bob.wait_event("stream_published", alice.participant_id, "presentation")
    carol = await stage.join("carol")
    await stage.act("unmute", alice)
    for page in (alice, bob, carol):
        await page.wait_event("track_uncensored", alice.participant_id, "self", "audio")
    await stage.leave(carol, alice, bob)
    await stage.leave(alice, bob)
    await stage.leave(bob)


@flow()
async def kick(stage: Stage) -> None:
    """signaling.md 6.9."""
    alice = await stage.join("alice")
    bob = await stage.join("bob")
    await alice.add_stream("self", audio=False, video=SMALL)
    await bob.wait_event("stream_published", alice.participant_id, "self")
    await bob.subscribe(alice.participant_id)
    await stage.act("kick", alice)
    await alice.wait_event("disconnected", "unknown")
    await bob.wait_event("participant_left", alice.participant_id)
    await stage.leave(bob)


@flow()
async def end_session(stage: Stage) -> None:
    """signaling.md 6.12, with a stream and a text room at work."""
    alice = await stage.join("alice", messages=True)
    bob = await stage.join("bob")
    await alice.add_stream("self", audio=False, video=SMALL)
    await bob.wait_event("stream_published", alice.participant_id, "self")
    await stage.act("end")
    for page in (alice, bob):
        await page.wait_event("disconnected", "session_terminated")


@flow()
async def delete_room(stage: Stage) -> None:
    """The room goes while people are in it."""
    alice = await stage.join("alice")
    bob = await stage.join("bob")
    await stage.delete_room()
    for page in (alice, bob):
        await page.wait_event("disconnected", "session_terminated")


@flow()
async def update_token(stage: Stage) -> None:
    """signaling.md 6.11, in time: an extra keepalive carries the new token, later frames too."""
    alice = await stage.join("alice")
    await alice.update_client_token(await stage.token())
    await alice.add_stream("self", audio=False, video=SMALL)
    await stage.leave(alice)


@flow()
async def token_expires(stage: Stage) -> None:
    """signaling.md 6.11, too late: the next keepalive is refused with 401, and the client closes without a code."""
    alice = await stage.page("alice")
    token = await stage.token()
    stage.expect("alice")
    await alice.join(stage.room.id, token, "alice")
    bob = await stage.join("bob")
    stage.expire(token)
    await alice.wait_event("disconnected", "unknown")
    await bob.wait_event("participant_left", alice.participant_id)
    await stage.leave(bob)


@flow()
async def token_of_another_room(stage: Stage) -> None:
    """Refused with 403 on a later frame."""
    alice = await stage.join("alice")
    token = await stage.token("of another room")
    await alice.evaluate("(token) => { window.app.updateClientToken(token); }", token)
    await alice.wait_event("disconnected", "unknown")


@flow()
async def forged_token(stage: Stage) -> None:
    """Refused with 401 on the first frame: the application hears of it after 30 s only, so nothing is awaited."""
    page = await stage.page("alice")
    stage.expect("alice")
    code = """([roomId, clientToken]) => new Promise((resolve) => {
      const Socket = window.WebSocket;
      window.WebSocket = class extends Socket {
        constructor(...args) { super(...args); this.addEventListener("close", resolve); }
      };
      window.app.initialize({ roomId, clientToken }).catch(() => {});
    }).then(() => undefined)"""
    await page.evaluate(code, [stage.room.id, await stage.token("forged")])


@flow(max_participants=2)
async def room_full(stage: Stage) -> None:
    """5.6: counted at the register handle's join, refused there with 403; the next try, with room, succeeds."""
    alice = await stage.join("alice")
    carol = await stage.join("carol")
    page = await stage.page("bob")
    stage.expect("bob")
    await page.initialize(stage.room.id, await stage.token(), context={"username": "bob"})
    await page.evaluate("() => { window.app.connect(); }")
    await page.wait_event("disconnected", "unknown")
    await stage.leave(alice, carol)
    bob = await stage.join("bob again", page=page)
    await stage.leave(bob, carol)
    await stage.leave(carol)


@flow()
async def page_is_closed(stage: Stage) -> None:
    """signaling.md 6.10 as a closed tab does it: no `destroy`; the browser closes the socket."""
    alice = await stage.join("alice")
    bob = await stage.join("bob")
    await alice.add_stream("self", audio=False, video=SMALL)
    await bob.wait_event("stream_published", alice.participant_id, "self")
    await bob.subscribe(alice.participant_id)
    await alice.close()
    await bob.wait_event("participant_left", alice.participant_id)
    await stage.leave(bob)


@flow()
async def connection_is_lost(stage: Stage) -> None:
    """signaling.md 6.10: no Close frame; then the same page comes back as a new participant."""
    alice = await stage.join("alice")
    bob = await stage.join("bob")
    lost = alice.participant_id
    stage.cut("alice")
    await alice.wait_event("disconnected", "network_error")
    await bob.wait_event("participant_left", lost)
    await stage.join("alice again", page=alice)
    await bob.wait_event("participant_joined", alice.participant_id)
    await stage.leave(alice, bob)
    await stage.leave(bob)


@flow()
async def audio_activity(stage: Stage) -> None:
    """E12, E13: a tone is heard per stream and in the mix, and its end is told."""
    alice = await stage.join("alice")
    bob = await stage.join("bob")
    await alice.add_stream("self", audio=True, video=False)
    await bob.wait_event("audio_activity", alice.participant_id, "self")
    await bob.wait_event("audio_activity", alice.participant_id, None)
    await alice.update_stream("self", audio=False)
    await stage.quiet()
    await stage.leave(alice, bob)
    await stage.leave(bob)


@flow()
async def keepalives(stage: Stage) -> None:
    """Somebody who only listens, for two periods of 5 s."""
    alice = await stage.join("alice")
    await stage.keepalives(2)
    await stage.leave(alice)
