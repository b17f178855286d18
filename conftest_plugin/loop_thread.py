"""An event loop in a thread of its own, and how other threads and other loops ask something of it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from conftest_plugin.errors import CallTimeout, RoomsEmulatorError, ServerStopped
from emulator.clients.admin_client import AdminError

START_SECS = 10.0
STOP_SECS = 10.0
SHOWN_FRAMES = 6
_SAYING_ALL = ("emulator.clients.errors.ClientError", "emulator.scenario.errors.ScenarioError")
"""By name: their modules are loaded by those who use them."""
READ_SECS = 10.0
"""Patience for what only looks something up."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[T]):
    """What came of the work. Futures that are chained over threads would replace some errors by others."""

    result: T | None = None
    error: BaseException | None = None


class LoopThread:
    """`wait` for tests without a loop, `wait_async` for tests in one; what is raised in the thread is raised there.

    An AssertionError comes back without the thread's frames, since its place is the test's line; so do errors whose
    text says all (`says_all`). The others keep them.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._enough: asyncio.Event | None = None

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Returns when the loop runs. Works once."""
        ready: concurrent.futures.Future[None] = concurrent.futures.Future()
        # A daemon: a thread that hangs must not keep the interpreter from ending.
        self._thread = threading.Thread(target=self._run, args=(ready,), name=self._name, daemon=True)
        self._thread.start()
        ready.result(START_SECS)

    def stop(self) -> None:
        """Cancel what is still going on and end the thread. Safe to call again. Raises CallTimeout."""
        if self._thread is None or self._loop is None or self._enough is None or not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._enough.set)
        self._thread.join(STOP_SECS)
        if self._thread.is_alive():
            raise CallTimeout(self._overdue("ending the thread", STOP_SECS))

    # -- asking ---------------------------------------------------------------------------------------------------

    def wait(self, work: Coroutine[Any, Any, T], *, patience: float, what: str) -> T:
        """Run `work` there and block until it is done, for `patience` seconds at most.

        Raises what `work` raises, CallTimeout (`what` names the call in it), ServerStopped.
        """
        __tracebackhide__ = True
        future = self._submit(work, what)
        try:
            concurrent.futures.wait((future,), patience)
        except BaseException:  # Ctrl-C, or a timeout plugin's signal
            future.cancel()
            raise
        return self._outcome(future, patience, what)

    async def wait_async(self, work: Coroutine[Any, Any, T], *, patience: float, what: str) -> T:
        """`wait` for a caller in another event loop, which goes on meanwhile. Cancelling it cancels `work`."""
        __tracebackhide__ = True
        future = self._submit(work, what)
        wrapped = asyncio.wrap_future(future)
        try:
            await asyncio.wait((wrapped,), timeout=patience)
        except BaseException:
            wrapped.cancel()
            raise
        wrapped.cancel()  # without effect if it is done
        return self._outcome(future, patience, what)

    def read(self, look: Callable[[], T]) -> T:
        """The result of a plain function called there, between two turns of that loop."""
        __tracebackhide__ = True

        async def work() -> T:
            return look()

        return self.wait(work(), patience=READ_SECS, what="reading its state")

    def _submit(self, work: Coroutine[Any, Any, T], what: str) -> concurrent.futures.Future[_Outcome[T]]:
        __tracebackhide__ = True
        loop = self._loop
        if loop is None or loop.is_closed() or not self.running:
            work.close()
            raise ServerStopped(f"{what}: {self._name} is not running")
        if self._thread is threading.current_thread():
            work.close()
            raise RuntimeError(f"{what}: called in the thread of {self._name} itself, which would wait for itself")
        future = asyncio.run_coroutine_threadsafe(_carry(work), loop)
        future.add_done_callback(lambda _: _end_unbegun(work, loop))
        return future

    def _outcome(self, future: concurrent.futures.Future[_Outcome[T]], patience: float, what: str) -> T:
        __tracebackhide__ = True
        if not future.done():
            future.cancel()
            raise CallTimeout(self._overdue(what, patience))
        if future.cancelled():
            raise ServerStopped(f"{what}: was cancelled, since {self._name} has ended")
        outcome = future.result()
        error = outcome.error
        if error is None:
            return outcome.result  # type: ignore[return-value]  # without an error there is a result
        try:
            raise error.with_traceback(None) if says_all(error) else error
        finally:
            del error, outcome, future  # else the traceback, this frame and the error would hold each other

    def _overdue(self, what: str, patience: float) -> str:
        text = f"{what}: not done within {patience:g} s, given up"
        frame = sys._current_frames().get(self._thread.ident or 0) if self._thread is not None else None
        if frame is not None:
            stack = "".join(traceback.format_stack(frame)[-SHOWN_FRAMES:])
            text += f"\nthe thread {self._name} stands at:\n{stack}"
        if asyncio._get_running_loop() is not None:
            text += (
                "\nAn event loop runs in the calling thread and stood still meanwhile; an app in it cannot have"
                " answered. Async tests await rooms_emulator_async."
            )
        return text

    # -- in the thread --------------------------------------------------------------------------------------------

    def _run(self, ready: concurrent.futures.Future[None]) -> None:
        # This kind of loop, whatever policy the tests have set for theirs: it is the one the emulator is tested on.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(self._until_enough(ready))

    async def _until_enough(self, ready: concurrent.futures.Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._enough = asyncio.Event()
        ready.set_result(None)
        await self._enough.wait()


def says_all(error: BaseException) -> bool:
    """Whether it is about what the test asked for, in words: where in our code it was raised adds nothing."""
    return isinstance(error, AssertionError | RoomsEmulatorError | AdminError) or any(
        f"{kind.__module__}.{kind.__name__}" in _SAYING_ALL for kind in type(error).__mro__
    )


def _end_unbegun(work: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop) -> None:
    """It may have been cancelled before it began. What has begun is its loop's to end: here is another thread."""

    def end() -> None:
        if inspect.getcoroutinestate(work) == inspect.CORO_CREATED:
            work.close()

    try:
        loop.call_soon_threadsafe(end)
    except RuntimeError:  # the loop is closed: nobody will begin it any more
        end()


async def _carry(work: Coroutine[Any, Any, T]) -> _Outcome[T]:
    __tracebackhide__ = True
    try:
        return _Outcome(await work)
    except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - pytest's own outcomes are no Exceptions; the caller raises it
        return _Outcome(error=error)
