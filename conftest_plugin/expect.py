"""Assertions on the user's own page, for Playwright: who is seen in a tile, who is heard.

    from conftest_plugin.expect import expect_audio, expect_tile

    expect_tile(page.locator("#tile-1")).to_show("alice")
    expect_audio(page).to_hear("alice")

With Playwright's async interface every assertion is awaited. They read the test card off the page's own `<video>` (or
canvas) and the tones off what its media elements play: nothing of the app needs to change. A participant is one of the
fixtures', a participant id, or a name: that of a synthetic participant, or the `username` (`name`, ...) in the context
of the app's own. What decides is in `emulator/probes/page.js`.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, overload

from conftest_plugin import page_plans as plans
from conftest_plugin.current import current
from conftest_plugin.page_plans import List, Look, Pause, Plan, Question
from emulator import probes

if TYPE_CHECKING:
    from playwright import async_api, sync_api

    from conftest_plugin.rooms_emulator import Account

WITHIN_SECS = 10.0
LIST_SECS = 30.0
"""Patience with the list of who is in the room."""

_ASK = """(element, [name, wish]) => {
  const { document, RoomsPage } = element.ownerDocument.defaultView;
  return RoomsPage ? RoomsPage[name](element === document.documentElement ? document : element, wish) : "missing";
}"""
_LEFT = re.compile(r"Execution context was destroyed|Element is not attached|frame was detached|Cannot find context")


@cache
def page_script() -> str:
    """Both readers, and what looks at a page with them."""
    files = resources.files(probes)
    return "\n".join(files.joinpath(name).read_text(encoding="utf-8") for name in ("probe.js", "page.js"))


class _Expectation:
    """`rooms`: the account whose participants are meant; None: that of the running test."""

    def __init__(self, locator: Any, place: str, rooms: Account | None) -> None:
        __tracebackhide__ = True
        self._locator = locator
        self._place = place
        self._rooms = current() if rooms is None else rooms

    def noted(self, name: str, who: Sequence[Any]) -> AbstractContextManager[None]:
        return self._rooms.journal.note(self._place, name, who)


class TileExpectation(_Expectation):
    """What a tile of the page should show; for Playwright's blocking interface."""

    def to_show(self, who: Any, *, key: str | None = None, within: float = WITHIN_SECS) -> None:
        """The moving test card of this participant; with `key`, of that stream."""
        __tracebackhide__ = True
        _run(self, plans.shows(self._place, who, key, within), "to_show", who)

    def not_to_show(self, who: Any, *, key: str | None = None, within: float = WITHIN_SECS) -> None:
        """Its card stays away for a second that begins within so many seconds."""
        __tracebackhide__ = True
        _run(self, plans.shows_not(self._place, who, key, within), "not_to_show", who)

    def to_be_live(self, *, within: float = WITHIN_SECS) -> None:
        """New pictures come, whatever they show."""
        __tracebackhide__ = True
        _run(self, plans.live(self._place, within), "to_be_live")

    def not_to_be_frozen(self, *, for_seconds: float = 2.0) -> None:
        """New pictures come for so long, with no gap of a second or more."""
        __tracebackhide__ = True
        _run(self, plans.not_frozen(self._place, for_seconds), "not_to_be_frozen")

    def to_be_black(self, *, within: float = WITHIN_SECS) -> None:
        """As with a camera that is switched off."""
        __tracebackhide__ = True
        _run(self, plans.black(self._place, within), "to_be_black")


class AsyncTileExpectation(_Expectation):
    """`TileExpectation` for Playwright's async interface: every method is awaited."""

    async def to_show(self, who: Any, *, key: str | None = None, within: float = WITHIN_SECS) -> None:
        __tracebackhide__ = True
        await _run_async(self, plans.shows(self._place, who, key, within), "to_show", who)

    async def not_to_show(self, who: Any, *, key: str | None = None, within: float = WITHIN_SECS) -> None:
        __tracebackhide__ = True
        await _run_async(self, plans.shows_not(self._place, who, key, within), "not_to_show", who)

    async def to_be_live(self, *, within: float = WITHIN_SECS) -> None:
        __tracebackhide__ = True
        await _run_async(self, plans.live(self._place, within), "to_be_live")

    async def not_to_be_frozen(self, *, for_seconds: float = 2.0) -> None:
        __tracebackhide__ = True
        await _run_async(self, plans.not_frozen(self._place, for_seconds), "not_to_be_frozen")

    async def to_be_black(self, *, within: float = WITHIN_SECS) -> None:
        __tracebackhide__ = True
        await _run_async(self, plans.black(self._place, within), "to_be_black")


class AudioExpectation(_Expectation):
    """Who is heard: in what the page's media elements play, those that are muted or paused left out.

    `who` may also be the index of a tone.
    """

    def to_hear(self, who: Any, *, within: float = WITHIN_SECS) -> None:
        """Its tone sounds later than 0.8 s after the call: till then the browser may still play what came before it.

        So it takes 0.9 s at least, also with a shorter `within`.
        """
        __tracebackhide__ = True
        _run(self, plans.hears(self._place, who, within), "to_hear", who)

    def not_to_hear(self, who: Any, *, within: float = WITHIN_SECS, for_seconds: float = 1.0) -> None:
        """Its tone stays away for so long, which begins within so many seconds."""
        __tracebackhide__ = True
        _run(self, plans.hears_not(self._place, who, within, for_seconds), "not_to_hear", who)


class AsyncAudioExpectation(_Expectation):
    """`AudioExpectation` for Playwright's async interface: every method is awaited."""

    async def to_hear(self, who: Any, *, within: float = WITHIN_SECS) -> None:
        __tracebackhide__ = True
        await _run_async(self, plans.hears(self._place, who, within), "to_hear", who)

    async def not_to_hear(self, who: Any, *, within: float = WITHIN_SECS, for_seconds: float = 1.0) -> None:
        __tracebackhide__ = True
        await _run_async(self, plans.hears_not(self._place, who, within, for_seconds), "not_to_hear", who)


@overload
def expect_tile(locator: sync_api.Locator, *, rooms: Account | None = None) -> TileExpectation: ...
@overload
def expect_tile(locator: async_api.Locator, *, rooms: Account | None = None) -> AsyncTileExpectation: ...
def expect_tile(locator: Any, *, rooms: Account | None = None) -> TileExpectation | AsyncTileExpectation:
    """`locator` names a `<video>`, a `<canvas>`, or one element that holds it.

    Raises TypeError for what is no locator of Playwright's, NoAccount outside of a test with an account.
    """
    __tracebackhide__ = True
    kind = TileExpectation if _is_blocking(locator, "Locator") else AsyncTileExpectation
    return kind(locator, _place_of(locator), rooms)


@overload
def expect_audio(page: sync_api.Page | sync_api.Locator, *, rooms: Account | None = None) -> AudioExpectation: ...
@overload
def expect_audio(
    page: async_api.Page | async_api.Locator, *, rooms: Account | None = None
) -> AsyncAudioExpectation: ...
def expect_audio(page: Any, *, rooms: Account | None = None) -> AudioExpectation | AsyncAudioExpectation:
    """The whole page, elements that were never put into it included; or what is inside of a locator.

    Raises TypeError for what is neither, NoAccount outside of a test with an account.
    """
    __tracebackhide__ = True
    kind = AudioExpectation if _is_blocking(page, "Page", "Locator") else AsyncAudioExpectation
    whole = type(page).__name__ == "Page"
    return kind(page.locator(":root") if whole else page, "the page" if whole else _place_of(page), rooms)


def _is_blocking(thing: Any, *kinds: str) -> bool:
    """Whether it is of Playwright's blocking interface. Raises TypeError for what is of none."""
    __tracebackhide__ = True
    for base in type(thing).__mro__:
        if base.__name__ in kinds and base.__module__.startswith("playwright."):
            return base.__module__.startswith("playwright.sync_api")
    raise TypeError(f"expected a Playwright {' or '.join(kinds)}, got {thing!r:.80}")


def _place_of(locator: Any) -> str:
    found = re.search(r"selector='(.*)'>$", str(locator), re.DOTALL)
    place = found[1] if found is not None else str(locator)
    return re.sub(r' >> internal:has-text="([^"]*)"i', r' with the text "\1"', place)


# -- going through a plan ----------------------------------------------------------------------------------------------


def _next(plan: Plan, said: Any) -> Question | None:
    """None when it is through. What it raises is about the page or the arguments, of which its frames say nothing."""
    __tracebackhide__ = True
    try:
        return plan.send(said)
    except StopIteration:
        return None
    except (AssertionError, TypeError, ValueError) as error:
        raise error.with_traceback(None)  # noqa: B904 - it is the same error


def _run(expectation: _Expectation, plan: Plan, name: str, *who: Any) -> None:
    """`name` and `who`: how the test calls it."""
    __tracebackhide__ = True
    from playwright.sync_api import Error, TimeoutError

    def answer(question: Question) -> Any:
        match question:
            case List():
                return expectation._rooms.people()
            case Pause():
                time.sleep(question.seconds)
                return None
        locator, patience = expectation._locator, question.element_within * 1000
        try:
            verdict = locator.evaluate(_ASK, [question.function, question.wish], timeout=patience)
            if verdict == "missing":
                locator.evaluate(f"() => {{ {page_script()} }}", timeout=patience)
                verdict = locator.evaluate(_ASK, [question.function, question.wish], timeout=patience)
            return verdict
        except TimeoutError:
            # Not there, or the page was too busy to find it. Bounded, as a page may hang for ever.
            try:
                locator.wait_for(state="detached", timeout=patience)
            except TimeoutError:
                return question.unanswered(busy=True)
            return None
        except Error as error:
            return _interrupted(error, question)

    said = None
    with expectation.noted(name, who):
        while (question := _next(plan, said)) is not None:
            said = answer(question)


async def _run_async(expectation: _Expectation, plan: Plan, name: str, *who: Any) -> None:
    __tracebackhide__ = True
    from playwright.async_api import Error, TimeoutError

    async def answer(question: Question) -> Any:
        match question:
            case List():
                return await expectation._rooms.people_awaited()
            case Pause():
                await asyncio.sleep(question.seconds)
                return None
        locator, patience = expectation._locator, question.element_within * 1000
        try:
            verdict = await locator.evaluate(_ASK, [question.function, question.wish], timeout=patience)
            if verdict == "missing":
                await locator.evaluate(f"() => {{ {page_script()} }}", timeout=patience)
                verdict = await locator.evaluate(_ASK, [question.function, question.wish], timeout=patience)
            return verdict
        except TimeoutError:
            try:  # as in `_run`
                await locator.wait_for(state="detached", timeout=patience)
            except TimeoutError:
                return question.unanswered(busy=True)
            return None
        except Error as error:
            return _interrupted(error, question)

    said = None
    with expectation.noted(name, who):
        while (question := _next(plan, said)) is not None:
            said = await answer(question)


def _interrupted(error: Exception, look: Look) -> Any:
    """The page went elsewhere while it was looked at: to be asked again. Raises everything else."""
    if not _LEFT.search(str(error)):
        raise error
    return look.unanswered()
