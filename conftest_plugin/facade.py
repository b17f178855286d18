"""An object whose coroutines run in the emulator's thread, as tests hold it: blocking, or to be awaited."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from conftest_plugin.journal import Journal
from conftest_plugin.loop_thread import LoopThread

CALL_SECS = 30.0
"""Patience with every call, besides what it waits for by its own arguments. The server's answers take up to 10 s."""
READING = frozenset({"now", "rules", "rule", "received", "deliveries", "results"})
"""What only looks, often again and again: no journal has room for it."""
WAITS = ("within", "for_seconds", "over", "timeout")
"""Arguments that are seconds a call may take."""

CoreT = TypeVar("CoreT")
P = ParamSpec("P")
R = TypeVar("R")


def patience_with(arguments: Mapping[str, Any]) -> float:
    """Seconds that a call with these arguments may take."""
    return CALL_SECS + sum(float(arguments[name]) for name in WAITS if name in arguments)


class Facade(Generic[CoreT]):
    """`core` lives in the thread; its coroutine methods are told by `blocking` or `awaitable`.

    `journal` has them as `called`'s, but for those that only look.
    """

    called = ""

    def __init__(self, core: CoreT, thread: LoopThread, journal: Journal) -> None:
        self._core = core
        self._thread = thread
        self._journal = journal


def blocking(
    method: Callable[Concatenate[CoreT, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[Facade[CoreT], P], R]:
    """A method of the same name, arguments and result, which blocks until it is done."""
    signature = inspect.signature(method)

    @functools.wraps(method)
    def call(self: Facade[CoreT], /, *args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True
        work, patience, what = _prepare(self, method, signature, args, kwargs)
        with _noted(self, method.__name__, args, kwargs):
            return self._thread.wait(work, patience=patience, what=what)

    return call


def awaitable(
    method: Callable[Concatenate[CoreT, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[Facade[CoreT], P], Coroutine[Any, Any, R]]:
    """As `blocking`, to be awaited in any event loop."""
    signature = inspect.signature(method)

    @functools.wraps(method)
    async def call(self: Facade[CoreT], /, *args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True
        work, patience, what = _prepare(self, method, signature, args, kwargs)
        with _noted(self, method.__name__, args, kwargs):
            return await self._thread.wait_async(work, patience=patience, what=what)

    return call


def _noted(
    facade: Facade[Any], name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> AbstractContextManager[None]:
    return nullcontext() if name in READING else facade._journal.note(facade.called, name, args, kwargs)


def _prepare(
    facade: Facade[CoreT],
    method: Callable[..., Coroutine[Any, Any, R]],
    signature: inspect.Signature,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> tuple[Coroutine[Any, Any, R], float, str]:
    """The work, the patience with it, and its name. Raises TypeError for wrong arguments."""
    __tracebackhide__ = True
    name = method.__name__
    try:
        bound = signature.bind(facade._core, *args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{name}(): {error}") from None
    bound.apply_defaults()
    return method(*bound.args, **bound.kwargs), patience_with(bound.arguments), f"{name}()"
