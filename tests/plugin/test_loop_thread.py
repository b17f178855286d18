"""The thread with a loop of its own: what is asked of it, and what comes back."""

from __future__ import annotations

import asyncio
import signal
import threading
import traceback
from collections.abc import Iterator
from types import FrameType

import pytest

from conftest_plugin.errors import CallTimeout, RoomsEmulatorError, ServerStopped
from conftest_plugin.loop_thread import LoopThread


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    thread = LoopThread("the thread")
    thread.start()
    yield thread
    thread.stop()


async def answer() -> str:
    await asyncio.sleep(0)
    return threading.current_thread().name


async def raises(error: Exception) -> None:
    raise error


class Endless:
    """Work that ends by being cancelled only."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.cancelled = threading.Event()

    async def __call__(self) -> None:
        self.begun.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.cancelled.set()


def test_work_runs_in_the_thread_and_its_result_comes_back(thread: LoopThread) -> None:
    assert thread.wait(answer(), patience=5, what="asking") == "the thread"
    assert thread.read(threading.current_thread).name == "the thread"


async def test_work_is_awaited_from_another_loop_which_goes_on_meanwhile(thread: LoopThread) -> None:
    here = threading.Event()

    async def work() -> str:
        await asyncio.to_thread(here.wait, 5)
        return threading.current_thread().name

    asyncio.get_running_loop().call_later(0.02, here.set)
    assert await thread.wait_async(work(), patience=5, what="asking") == "the thread"


async def test_error_comes_back_as_itself_with_the_frames_of_the_thread(thread: LoopThread) -> None:
    for error in (ValueError("no"), TimeoutError("no"), asyncio.InvalidStateError("no")):
        with pytest.raises(type(error)) as blocking:
            thread.wait(raises(error), patience=5, what="asking")
        assert blocking.value is error
        assert "in raises" in "".join(traceback.format_exception(error))
    error = ValueError("no")
    with pytest.raises(ValueError, match="no") as awaited:
        await thread.wait_async(raises(error), patience=5, what="asking")
    assert awaited.value is error
    assert "in raises" in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("kind", [AssertionError, RoomsEmulatorError])
async def test_failed_assertion_comes_back_as_one_of_the_callers_line(
    thread: LoopThread, kind: type[Exception]
) -> None:
    error = kind("not so")
    with pytest.raises(kind, match="not so"):
        thread.wait(raises(error), patience=5, what="asking")
    assert "in raises" not in "".join(traceback.format_exception(error))
    with pytest.raises(kind, match="not so"):
        await thread.wait_async(raises(error), patience=5, what="asking")
    assert "in raises" not in "".join(traceback.format_exception(error))


def test_overdue_call_is_given_up_and_cancelled(thread: LoopThread) -> None:
    work = Endless()
    with pytest.raises(CallTimeout, match=r"asking: not done within 0\.05 s"):
        thread.wait(work(), patience=0.05, what="asking")
    assert work.cancelled.wait(5)


async def test_overdue_awaited_call_is_given_up_and_cancelled(thread: LoopThread) -> None:
    work = Endless()
    with pytest.raises(CallTimeout, match=r"asking: not done within 0\.05 s"):
        await thread.wait_async(work(), patience=0.05, what="asking")
    assert await asyncio.to_thread(work.cancelled.wait, 5)


def test_timeout_says_what_holds_the_thread_up(thread: LoopThread) -> None:
    let_go = threading.Event()

    async def hog() -> None:
        let_go.wait(10)

    with pytest.raises(CallTimeout, match=r"(?s)the thread stands at:.*in hog"):
        thread.wait(hog(), patience=0.1, what="asking")
    let_go.set()


async def test_timeout_in_a_thread_with_a_loop_names_the_way_out(thread: LoopThread) -> None:
    with pytest.raises(CallTimeout, match="rooms_emulator_async"):
        thread.wait(Endless()(), patience=0.05, what="asking")


async def test_cancelling_the_caller_cancels_the_work(thread: LoopThread) -> None:
    work = Endless()
    caller = asyncio.create_task(thread.wait_async(work(), patience=10, what="asking"))
    assert await asyncio.to_thread(work.begun.wait, 5)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert await asyncio.to_thread(work.cancelled.wait, 5)


def test_interrupting_the_caller_cancels_the_work(thread: LoopThread) -> None:
    class Interrupt(BaseException):
        pass

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise Interrupt

    work = Endless()
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        timer = threading.Timer(0.05, signal.pthread_kill, (threading.main_thread().ident, signal.SIGUSR1))
        timer.start()
        with pytest.raises(Interrupt):
            thread.wait(work(), patience=10, what="asking")
        timer.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert work.cancelled.wait(5)


def test_call_from_the_thread_itself_is_refused_instead_of_waiting_for_ever(thread: LoopThread) -> None:
    async def inside() -> None:
        thread.wait(answer(), patience=5, what="asking")

    with pytest.raises(RuntimeError, match="would wait for itself"):
        thread.wait(inside(), patience=5, what="asking")


def test_stopping_cancels_what_goes_on_and_tells_who_waits_for_it(thread: LoopThread) -> None:
    work = Endless()
    stopper = threading.Thread(target=lambda: work.begun.wait(5) and thread.stop())
    stopper.start()
    with pytest.raises(ServerStopped, match="asking"):
        thread.wait(work(), patience=5, what="asking")
    stopper.join()
    assert not thread.running


def test_stopped_thread_refuses_calls(thread: LoopThread) -> None:
    thread.stop()
    thread.stop()
    with pytest.raises(ServerStopped, match="the thread is not running"):
        thread.wait(answer(), patience=5, what="asking")


def test_thread_that_does_not_end_is_told_of(thread: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conftest_plugin.loop_thread.STOP_SECS", 0.05)
    let_go = threading.Event()

    async def hog() -> None:
        let_go.wait(10)

    with pytest.raises(CallTimeout):
        thread.wait(hog(), patience=0.05, what="asking")
    with pytest.raises(CallTimeout, match="in hog"):
        thread.stop()
    let_go.set()


def test_work_that_is_given_up_ends_in_its_own_thread_and_may_await_to_the_end(thread: LoopThread) -> None:
    ended: list[str] = []
    done = threading.Event()

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(0)
            ended.append(threading.current_thread().name)
            done.set()

    with pytest.raises(CallTimeout):
        thread.wait(work(), patience=0.1, what="waiting")
    assert done.wait(20)
    assert ended == ["the thread"]
