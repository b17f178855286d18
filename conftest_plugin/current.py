"""The account of the test that is running, for what is imported instead of asked for as a fixture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from conftest_plugin.errors import RoomsEmulatorError

if TYPE_CHECKING:
    from conftest_plugin.rooms_emulator import Account

_running: list[Account] = []


class NoAccount(RoomsEmulatorError):
    def __init__(self) -> None:
        super().__init__(
            "no test with an account on the Rooms emulator is running: ask for a fixture such as rooms_emulator, or "
            "say which account is meant: rooms=..."
        )


@contextmanager
def running(account: Account) -> Iterator[None]:
    _running.append(account)
    try:
        yield
    finally:
        _running.remove(account)


def current() -> Account:
    """Raises NoAccount."""
    __tracebackhide__ = True
    if not _running:
        raise NoAccount
    return _running[-1]
