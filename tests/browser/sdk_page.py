"""A page that runs the vendor's SDK, as a test sees it: plain Python calls and plain data."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import EllipsisType
from typing import Any, cast
from urllib.parse import urlencode

from playwright.async_api import ConsoleMessage, Page
from playwright.async_api import Error as PlaywrightError

from tests.browser.browser_host import BrowserHost

# Kept per page: enough to explain a failure, bounded for soaks.
_CONSOLE_LINES = 1000
_EVENTS_IN_MESSAGES = 40

# Runs one promise of the page against a clock: several calls of the SDK stay pending for ever on failure.
_RACE = """async ([argument, milliseconds]) => {
  let timer;
  const clock = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing after ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([(FUNCTION)(argument), clock]);
  } finally {
    clearTimeout(timer);
  }
}"""

MIXED_AUDIO = "#mixed"
"""The selector of the element that plays what the SDK calls the mixed audio: everyone but oneself."""

JsonValue = Any


class SdkPageError(Exception):
    """The page, or the SDK in it, did not do what the test asked; the message ends with the latest events."""


@dataclass(frozen=True)
class SdkEvent:
    """One event of the SDK. `n` numbers them from 0, `t` is in milliseconds since the epoch, `room` counts
    the page's rooms from 1, `args` are those of the SDK without the trailing state (state_changed: the status)."""

    n: int
    t: float
    room: int
    name: str
    args: tuple[JsonValue, ...]


@dataclass(frozen=True)
class Card:
    """What a test card said: whose stream it is and which frame. `key` is "#" and four hexadecimal digits when
    the stream's key was none of those looked for."""

    participant_id: str
    key: str
    frame: int


class SdkPage:
    """Made by the `sdk_page` fixture. All coroutines may be awaited in any loop.

    Sources of `add_stream` and `update_stream`: True (canvas, tone), a name ("canvas", "camera", "tone",
    "microphone"), or a mapping such as {"source": "canvas", "width": 320, "height": 180, "fps": 10,
    "label": "me", "simulcast": True}, {"source": "tone", "frequency": 880, "gain": 0.25} or
    {"source": "tone", "index": 5} (the chord of that index, which probes recognise).
    """

    def __init__(self, host: BrowserHost, page: Page, name: str) -> None:
        self.name = name
        self.page = page
        self.participant_id = ""
        self.console: deque[str] = deque(maxlen=_CONSOLE_LINES)
        self.console_errors: list[str] = []
        self.page_errors: list[str] = []
        self._host = host

    # the life of a page

    async def open(self, app_url: str, emulator_origin: str) -> None:
        """Loads the app against an emulator. Raises SdkPageError with the reason when it cannot work."""
        url = f"{app_url}?{urlencode({'emulator': emulator_origin})}"
        await self._host.call(self._load(url))
        await self.evaluate("() => window.appReady.then(() => undefined)", timeout=20)

    async def _load(self, url: str) -> None:
        # In the browser's thread, as everything of Playwright: even page.on() talks to the browser.
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self._on_page_error(f"{error}\n{error.stack or ''}".strip()))
        self.page.on("crash", lambda _: self._on_page_error("the page crashed"))
        await self.page.goto(url)

    async def close(self) -> None:
        """Closes the page abruptly, as a closed tab does: the SDK gets no chance to say goodbye."""
        await self._host.call(self.page.close())

    async def evaluate(self, code: str, argument: JsonValue = None, timeout: float = 10) -> JsonValue:
        """Calls a JavaScript function (given as text) with one JSON argument, awaits its result for `timeout` s.

        Raises SdkPageError on an exception, a rejection, or no result in time.
        """
        try:
            wanted = [argument, round(timeout * 1000)]
            return await self._host.call(self.page.evaluate(_RACE.replace("FUNCTION", code), wanted))
        except PlaywrightError as error:
            raise SdkPageError(f"{self.name}: {error.message}\n{await self._recent_events()}") from None

    async def screenshot(self, path: Path) -> Path:
        await self._host.call(self.page.screenshot(path=path))
        return path

    # what a user of the SDK does

    async def initialize(
        self,
        room_id: str,
        client_token: str,
        *,
        context: str | dict[str, JsonValue] | None = None,
        enable_messages: bool = False,
        timeout: float = 15,
    ) -> str:
        """Makes a Room and with it a new participant, whose id is returned. A mapping as context goes as JSON."""
        if isinstance(context, dict):
            context = json.dumps(context, ensure_ascii=False)
        config: dict[str, JsonValue] = {
            "roomId": room_id,
            "clientToken": client_token,
            "enableMessages": enable_messages,
        }
        if context is not None:
            config["context"] = context
        self.participant_id = cast(str, await self.call("initialize", config, timeout=timeout))
        return self.participant_id

    async def connect(self, timeout: float = 15) -> None:
        await self.call("connect", timeout=timeout)

    async def join(self, room_id: str, client_token: str, name: str, **options: Any) -> str:
        """initialize() and connect() as a user called `name`; returns the participant's id."""
        await self.initialize(room_id, client_token, context={"username": name}, **options)
        await self.connect()
        return self.participant_id

    async def disconnect(self) -> None:
        await self.call("disconnect")

    async def update_client_token(self, client_token: str) -> None:
        await self.call("updateClientToken", client_token)

    async def add_stream(
        self, key: str = "self", *, audio: JsonValue = True, video: JsonValue = True, timeout: float = 15
    ) -> None:
        await self.call("addStream", key, {"audio": audio, "video": video}, timeout=timeout)

    async def update_stream(self, key: str = "self", **sources: JsonValue) -> None:
        """Only the named kinds (audio, video) change; False switches one off."""
        await self.call("updateStream", key, sources)

    async def remove_stream(self, key: str = "self") -> None:
        await self.call("removeStream", key)

    async def subscribe(
        self,
        participant_id: str,
        key: str = "self",
        *,
        audio: bool = True,
        video: bool = True,
        timeout: float = 15,
    ) -> str:
        """Subscribes and shows the stream; returns the selector of its <video>."""
        options = {"audio": audio, "video": video}
        await self.call("addSubscription", participant_id, key, options, timeout=timeout)
        return self.video(participant_id, key)

    async def update_subscription(self, participant_id: str, key: str, *, audio: bool, video: bool) -> None:
        await self.call("updateSubscription", participant_id, key, {"audio": audio, "video": video})

    async def unsubscribe(self, participant_id: str, key: str = "self") -> None:
        await self.call("removeSubscription", participant_id, key)

    async def send_message(self, text: str, recipients: Sequence[str] | None = None) -> None:
        message = {"type": "text", "payload": text}
        await self.call("sendMessage", message, *([list(recipients)] if recipients is not None else []))

    async def call(self, method: str, *arguments: JsonValue, timeout: float = 10) -> JsonValue:
        """Any method of the page's window.app, with JSON arguments and result."""
        code = "([method, args]) => window.app[method](...args)"
        return await self.evaluate(code, [method, list(arguments)], timeout)

    # what the application sees

    async def events(self, *names: str, since: int = 0) -> list[SdkEvent]:
        """The events so far, in order; only those of the given names, if any are given."""
        found = await self.evaluate("(since) => window.app.events.filter((event) => event.n >= since)", since)
        return [event for event in map(_event, found) if not names or event.name in names]

    async def mark(self) -> int:
        """The number that the next event will have: what follows is `since` this."""
        return cast(int, await self.evaluate("() => window.app.log.next"))

    async def wait_event(
        self, name: str, *arguments: JsonValue | EllipsisType, since: int = 0, timeout: float = 10
    ) -> SdkEvent:
        """The first such event numbered `since` or later, past or to come within `timeout` seconds.

        `arguments` are compared with the event's leading ones; `...` stands for anything, None for null.
        Raises SdkPageError when it does not come.
        """
        pattern = [{"any": True} if argument is ... else argument for argument in arguments]
        code = "([name, pattern, timeout, since]) => window.app.waitFor(name, pattern, timeout, since)"
        wanted = [name, pattern, round(timeout * 1000), since]
        return _event(await self.evaluate(code, wanted, timeout + 5))

    async def state(self) -> dict[str, JsonValue]:
        """The SDK's state: status, localParticipantId, and lists of participants, streams, subscriptions."""
        return cast(dict[str, JsonValue], await self.call("state"))

    async def streams_of(self, participant_id: str) -> list[dict[str, JsonValue]]:
        """The streams of one participant in the SDK's state."""
        return [each for each in (await self.state())["streams"] if each["participantId"] == participant_id]

    async def stats(self, participant_id: str, key: str = "self") -> list[dict[str, JsonValue]]:
        """getStats() reports of one stream's connection (inbound-rtp, outbound-rtp, candidate-pair, codec, ...)."""
        return cast(list[dict[str, JsonValue]], await self.call("stats", participant_id, key))

    # what a person sees

    def video(self, participant_id: str, key: str = "self") -> str:
        """The selector of the <video> of a stream."""
        quoted = json.dumps(key, ensure_ascii=False)
        return f'video[data-participant="{participant_id}"][data-key={quoted}]'

    async def decoded_frames(self, selector: str) -> int:
        """Frames that a <video> has got so far (0 if it is not on the page yet)."""
        code = "(s) => document.querySelector(s)?.getVideoPlaybackQuality().totalVideoFrames ?? 0"
        return cast(int, await self.evaluate(code, selector))

    async def wait_decoded_frames(self, selector: str, count: int, timeout: float = 15) -> int:
        """Waits until a <video> has got `count` frames; returns how many it then has."""
        code = """([selector, count, milliseconds]) => new Promise((resolve, reject) => {
          const started = performance.now();
          const look = () => {
            const frames = document.querySelector(selector)?.getVideoPlaybackQuality().totalVideoFrames ?? 0;
            if (frames >= count) resolve(frames);
            else if (performance.now() - started < milliseconds) setTimeout(look, 20);
            else reject(new Error(`${frames} of ${count} frames of ${selector} after ${milliseconds} ms`));
          };
          look();
        })"""
        wanted = [selector, count, round(timeout * 1000)]
        return cast(int, await self.evaluate(code, wanted, timeout + 5))

    async def read_card(self, selector: str) -> Card | None:
        """The test card that a <video> shows right now; None when there is none, or any of it is in doubt."""
        code = """(selector) => {
          const video = document.querySelector(selector);
          return video && RoomsProbe.readCard(video, { keys: ["self", "presentation", video.dataset.key ?? ""] });
        }"""
        return _card(await self.evaluate(code, selector))

    async def wait_card(self, selector: str, *, after: int = -1, timeout: float = 5) -> Card:
        """The first readable test card in a <video> whose frame number is above `after`."""
        code = """([selector, after, milliseconds]) => new Promise((resolve, reject) => {
          const started = performance.now();
          let latest = null;
          const look = () => {
            const video = document.querySelector(selector);
            const keys = ["self", "presentation", video?.dataset.key ?? ""];
            const card = video && RoomsProbe.readCard(video, { keys });
            latest = card ?? latest;
            if (card && card.frame > after) resolve(card);
            else if (performance.now() - started < milliseconds) setTimeout(look, 15);
            else reject(new Error(`no card after frame ${after} in ${selector} within ${milliseconds} ms; `
              + `the last one was ${JSON.stringify(latest)}`));
          };
          look();
        })"""
        wanted = [selector, after, round(timeout * 1000)]
        card = _card(await self.evaluate(code, wanted, timeout + 5))
        assert card is not None  # the page rejects instead
        return card

    async def tones(self, selector: str = MIXED_AUDIO, *, seconds: float = 1) -> dict[int, float]:
        """Whose chords an <audio> or <video> plays: chord index -> level in dBFS, the highest in that time."""
        code = """([selector, ms]) =>
          RoomsProbe.tonesIn(document.querySelector(selector).srcObject, { ms })"""
        heard = await self.evaluate(code, [selector, round(seconds * 1000)], seconds + 10)
        return {int(index): level for index, level in heard.items()}

    async def wait_tone(self, index: int, selector: str = MIXED_AUDIO, *, timeout: float = 10) -> float:
        """Waits until that chord is heard; returns its level in dBFS."""
        code = """async ([index, selector, milliseconds]) => {
          const started = performance.now();
          let heard = {};
          while (performance.now() - started < milliseconds) {
            const stream = document.querySelector(selector)?.srcObject;
            if (stream?.getAudioTracks().length) heard = await RoomsProbe.tonesIn(stream, { ms: 200 });
            else await new Promise((resolve) => setTimeout(resolve, 20));
            if (index in heard) return heard[index];
          }
          throw new Error(`tone ${index} is not heard in ${selector} within ${milliseconds} ms; `
            + `the last ones were ${JSON.stringify(heard)}`);
        }"""
        wanted = [index, selector, round(timeout * 1000)]
        return cast(float, await self.evaluate(code, wanted, timeout + 5))

    # explaining failures

    async def _recent_events(self) -> str:
        try:
            raw = await self._host.call(self.page.evaluate("() => window.app?.events.slice(-200) ?? []"))
        except PlaywrightError as error:
            return f"(no events: {error.message})"
        return format_events([_event(entry) for entry in raw])

    def report(self, timeout: float, shots: Path | None = None) -> str:
        """Everything that helps to understand a failed test, read without a running loop.

        A picture of the page goes into the folder `shots`, if one is given.
        """
        parts = [f"== {self.name} ({self.participant_id or 'not initialised'})"]
        parts += ["-- console", *self.console]
        parts += ["-- page errors", *self.page_errors]
        try:
            parts.append(self._host.run(self._recent_events(), timeout))
        except TimeoutError:
            parts.append("(no events: the page does not answer)")
        if shots is not None:
            parts.append(self._shoot(timeout, shots / f"{self.name.replace(' ', '-')}.png"))
        return "\n".join(parts)

    def _shoot(self, timeout: float, path: Path) -> str:
        try:
            self._host.run(self.page.screenshot(path=path), timeout)
        except (TimeoutError, PlaywrightError) as error:
            return f"(no picture: {error})"
        return f"picture: {path}"

    def _on_console(self, message: ConsoleMessage) -> None:
        line = f"{message.type}: {message.text}"
        self.console.append(line)
        if message.type == "error" and len(self.console_errors) < _CONSOLE_LINES:
            self.console_errors.append(message.text)

    def _on_page_error(self, text: str) -> None:
        if len(self.page_errors) < _CONSOLE_LINES:
            self.page_errors.append(text)


def format_events(events: Sequence[SdkEvent]) -> str:
    """The latest events, one a line, with the seconds since the first one shown; state_changed is left out."""
    shown = [event for event in events if event.name != "state_changed"][-_EVENTS_IN_MESSAGES:]
    if not shown:
        return "(no events yet)"
    start = shown[0].t
    lines = [f"  {event.n:4} +{(event.t - start) / 1000:.3f} s {event.name} {list(event.args)}" for event in shown]
    return "\n".join(["latest events:", *lines])


def _event(raw: dict[str, JsonValue]) -> SdkEvent:
    return SdkEvent(n=raw["n"], t=raw["t"], room=raw["room"], name=raw["name"], args=tuple(raw["args"]))


def _card(raw: dict[str, JsonValue] | None) -> Card | None:
    if raw is None:
        return None
    return Card(participant_id=raw["participantId"], key=raw["key"], frame=raw["frame"])
