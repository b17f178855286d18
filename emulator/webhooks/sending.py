"""How one attempt is made. A mould of plain numbers that faults bend before it is used."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Sending:
    """Untouched, it is what the service does.

    delay_secs            wait so long before (the account's clock)
    copies                post it so many times, one after the other
    lost                  it never reaches the network; counts as a failed attempt
    timestamp_shift_secs  added to `telnyx-timestamp`; the signature covers the shifted one
    signature_spoilt      the signature fits another key
    places_back           let so many later events of the queue have their first attempt before
    places_back_secs      and wait for them no longer than this (the account's clock)
    """

    delay_secs: float = 0.0
    copies: int = 1
    lost: bool = False
    timestamp_shift_secs: int = 0
    signature_spoilt: bool = False
    places_back: int = 0
    places_back_secs: float = 0.0
    faults: list[str] = field(default_factory=list)
    """Ids of the rules that bent it; told in the delivery log."""
