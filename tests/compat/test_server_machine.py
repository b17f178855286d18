"""A few of the sequences of `tests.compat.server_machine`; very many in `tests.long.test_account_travel`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.compat.server_house import House
from tests.compat.server_machine import ServerMachine
from tests.rooms.test_account_machine import machine_settings


@pytest.mark.timeout(500)  # five times what it takes on a machine that has other work
def test_the_server_does_what_the_model_says(tmp_path: Path) -> None:
    house = ServerMachine.house = House(tmp_path / "data")
    try:
        run_state_machine_as_test(ServerMachine, settings=machine_settings(15, 25, repeatable=True))
    finally:
        house.close()
