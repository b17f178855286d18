"""Every event that the vendor's SDK 1.0.2 can emit, with the arguments an application gets.

The lists of events and of reasons are the SDK's own (its type declarations). Few pages go through much, since pages are
dear: the first test sees all events, the second all reasons, and the third compares both with the SDK's lists.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from emulator.server import Emulator
from tests.browser.conftest import SdkPageFactory
from tests.browser.joined_room import JoinableRoom
from tests.browser.sdk_bundle import ensure_installed
from tests.browser.sdk_page import SdkEvent, SdkPage

pytestmark = pytest.mark.browser

EVENTS = {
    "state_changed",
    "connected",
    "disconnected",
    "participant_joined",
    "participant_leaving",
    "participant_left",
    "stream_published",
    "stream_unpublished",
    "track_enabled",
    "track_disabled",
    "track_censored",
    "track_uncensored",
    "audio_activity",
    "subscription_started",
    "subscription_ended",
    "message_received",
    "network_metrics_report",
}
"""What the first test sees."""

REASONS = {
    1000: "user_initiated",
    1006: "network_error",
    3999: "timed_out",
    4000: "session_terminated",
    None: "unknown",
}
"""What the second one sees, by the code of the first Close frame; None: a kick's, which is empty."""

UNREACHABLE = {"subscription_reconfigured"}
"""Declared, but no method of a Room leads to it: `updateSubscription` emits nothing (signaling.md 5.2)."""

NEVER_A_REASON = {"unauthorized", "forbidden", "room_expired", "kicked"}
"""Declared as reasons of `disconnected`, but nothing in the SDK gives them (signaling.md 1.4)."""

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SMALL = {"source": "canvas", "width": 160, "height": 90}


def declared_events() -> set[str]:
    declaration = (ensure_installed() / "node_modules/@telnyx/video/lib/room.d.ts").read_text()
    body = declaration.partition("export interface Events {")[2].partition("\n}")[0]
    return set(re.findall(r"^ +(\w+): \(", body, re.MULTILINE))


def declared_reasons() -> set[str]:
    declaration = (ensure_installed() / "node_modules/@telnyx/video/lib/util/network.d.ts").read_text()
    body = declaration.partition("enum DisconnectionReason {")[2].partition("}")[0]
    return set(re.findall(r'"(\w+)"', body))


def check_arguments(event: SdkEvent) -> None:
    """Kinds and number of the arguments, as declared; the state at the end is left out."""
    match event.name, event.args:
        case "state_changed", ("initialized" | "connecting" | "connected" | "disconnected",):
            return
        case "connected", ():
            return
        case "disconnected", (str(),):
            return
        case (("participant_joined" | "participant_left"), (str(who),)):
            pass
        case "participant_leaving", (str(who), None | "kicked"):
            pass
        case (("stream_published" | "stream_unpublished"), (str(who), str())):
            pass
        case (("subscription_started" | "subscription_ended"), (str(who), str())):
            pass
        case (("track_enabled" | "track_disabled"), (str(who), str(), "audio" | "video")):
            pass
        case (("track_censored" | "track_uncensored"), (str(who), str(), "audio")):
            pass
        case "audio_activity", (str(who), None | str()):
            pass
        case "message_received", (str(who), {"type": "text", "payload": str()}, list(recipients)):
            assert all(UUID.fullmatch(each) for each in recipients), event
        case "network_metrics_report", (dict(report),):
            (who, *_) = report
            assert all(UUID.fullmatch(each) for each in report), event
            assert all(quality.keys() == {"connectionQuality"} for quality in report.values()), event
            assert all(quality["connectionQuality"] in range(6) for quality in report.values()), event
        case _:
            raise AssertionError(f"not as declared: {event}")
    assert UUID.fullmatch(who), event


def fault(emulator: Emulator, page: SdkPage, kind: str, **fields: Any) -> None:
    """On this page's frames."""
    account = emulator.accounts.by_key(emulator.api_key)
    assert account is not None
    match = {"participant_id": page.participant_id, **fields.pop("match", {})}
    emulator.faults.of(account.id).add({"surface": "signaling", "kind": kind, "match": match, **fields})


async def join(page: SdkPage, room: JoinableRoom, *, messages: bool = False) -> SdkPage:
    await page.join(room.id, await room.token(), page.name, enable_messages=messages)
    return page


async def test_pages_see_every_event_there_is_between_joining_and_leaving(
    emulator: Emulator, room: JoinableRoom, sdk_page: SdkPageFactory
) -> None:
    ann, ben = [await sdk_page(emulator.admin_url, name=name) for name in ("ann", "ben")]
    await join(ann, room, messages=True)
    await join(ben, room, messages=True)
    a, b = ann.participant_id, ben.participant_id
    await ann.wait_event("participant_joined", b)
    assert await ben.events("participant_joined") == [], "who was there before is in the state instead"

    # streams, of one's own and of others
    await ann.add_stream("self", audio=True, video=SMALL)
    for page in (ann, ben):
        await page.wait_event("stream_published", a, "self")
    await ben.subscribe(a, "self")
    await ben.wait_event("subscription_started", a, "self")
    await ben.update_subscription(a, "self", audio=False, video=True)  # tells nothing
    await asyncio.gather(
        ann.wait_event("audio_activity", a, "self"),
        ben.wait_event("audio_activity", a, "self"),
        ben.wait_event("audio_activity", a, None),
    )
    for kind, source in (("video", SMALL), ("audio", True)):
        for name, value in (("track_disabled", False), ("track_enabled", source)):
            marks = await ann.mark(), await ben.mark()
            await ann.update_stream("self", **{kind: value})
            await ann.wait_event(name, a, "self", kind, since=marks[0])
            await ben.wait_event(name, a, "self", kind, since=marks[1])
    for action, name in (("mute", "track_censored"), ("unmute", "track_uncensored")):
        await room.act(action, participants=[a])
        for page in (ann, ben):
            await page.wait_event(name, a, "self", "audio")

    # messages of both kinds
    await ann.send_message("to all")
    for page in (ann, ben):
        assert (await page.wait_event("message_received")).args == (a, {"type": "text", "payload": "to all"}, [])
    await ben.send_message("to you", [a])
    event = await ann.wait_event("message_received", b)
    assert event.args == (b, {"type": "text", "payload": "to you"}, [a])

    # network metrics: the first report comes at once, and is a constant
    await ann.call("enableNetworkMetricsReport", [a, b])
    report = await ann.wait_event("network_metrics_report")
    assert report.args == ({a: {"connectionQuality": 5}, b: {"connectionQuality": 5}},)
    await ann.call("disableNetworkMetricsReport", [a, b])

    # endings
    mark = await ben.mark()
    await ann.remove_stream("self")
    for page in (ann, ben):
        await page.wait_event("stream_unpublished", a, "self")
    await ann.disconnect()
    assert (await ann.wait_event("disconnected")).args == ("user_initiated",)
    await ben.wait_event("participant_left", a)
    told = [(event.name, *event.args) for event in await ben.events(since=mark) if event.args[:1] == (a,)]
    assert told == [
        ("subscription_ended", a, "self"),
        ("stream_unpublished", a, "self"),
        ("participant_leaving", a, None),
        ("participant_left", a),
    ]

    everything = [*await ann.events(), *await ben.events()]
    for event in everything:
        check_arguments(event)
    assert {event.name for event in everything} == EVENTS


async def test_a_page_sees_every_reason_there_is_for_its_end_and_metrics_tell_late_keepalives(
    emulator: Emulator, room: JoinableRoom, sdk_page: SdkPageFactory
) -> None:
    """1.4, 6.9: one page, again and again, and another one that sees each departure, and why. And 5.5: what reports
    of network metrics say of oneself after the first one comes from the round trips of keepalives.
    """
    watcher = await join(await sdk_page(emulator.admin_url, name="watcher"), room)
    me = watcher.participant_id
    late = {"match": {"janus": "keepalive", "direction": "in"}, "parameters": {"secs": 0.6}}
    fault(emulator, watcher, "delay", **late)
    await watcher.call("enableNetworkMetricsReport", [me])

    page = await sdk_page(emulator.admin_url, name="page")
    for code, reason in REASONS.items():
        mark = await page.mark()
        who = (await join(page, room)).participant_id
        match code:
            case None:
                await room.act("kick", participants=[who])
                await page.wait_event("participant_leaving", who, "kicked", since=mark)
            case 1000:
                await page.disconnect()
            case _:
                kind = {"kind": "drop"} if code == 1006 else {"kind": "close", "parameters": {"code": code}}
                fault(emulator, page, **kind, count=1)
                # Any frame will do; the call never settles.
                await page.evaluate("(token) => { window.app.updateClientToken(token); }", await room.token())
        assert (await page.wait_event("disconnected", since=mark)).args == (reason,)
        await watcher.wait_event("participant_left", who)
        leaving = await watcher.wait_event("participant_leaving", who)
        assert leaving.args == (who, "kicked" if code is None else None)
    assert {event.args[0] for event in await page.events("disconnected")} == set(REASONS.values())

    is_bad = "([report]) => report[id].connectionQuality === 1"
    code = f"(id) => window.app.waitFor('network_metrics_report', {is_bad}, 20000, 0).then(() => undefined)"
    await watcher.evaluate(code, me, timeout=25)
    for event in [*await page.events(), *await watcher.events()]:
        check_arguments(event)


def test_every_event_and_every_reason_of_the_sdks_own_lists_is_among_them() -> None:
    assert declared_events() == EVENTS | UNREACHABLE
    assert declared_reasons() == {*REASONS.values()} | NEVER_A_REASON
