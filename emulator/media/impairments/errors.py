"""What is refused besides a wrong document (`BadFault`)."""

from __future__ import annotations

from emulator.faults import FaultError
from emulator.faults.errors import shown


class TooManyImpairments(FaultError):
    def __init__(self, limit: int) -> None:
        super().__init__(f"An account has at most {limit} impairments; remove some first.")


class UnknownImpairment(FaultError):
    def __init__(self, impairment_id: str) -> None:
        super().__init__(f"There is no impairment with the id {shown(impairment_id)}; its time may be over.")
