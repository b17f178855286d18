"""What the emulator saw that should not be, though no assertion may have failed for it: a pure look at its logs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from emulator.clients.admin_client import SignalingProblem

SPOILT = ("bad_signature", "stale_timestamp")
"""Kinds of webhook faults that a receiver must not accept."""
ANSWER_SECS = 1.0
"""A request that came less than so long before the end may still be on its way."""

Entry = Mapping[str, Any]
"""One of `/_emulator/wire`."""


def findings(problems: Iterable[SignalingProblem], wire: Sequence[Entry]) -> list[str]:
    """One line each: what signaling refused, forged webhooks that were accepted, requests that were never answered."""
    return [
        *(f"signaling: {problem.line}" for problem in problems),
        *_accepted_forgeries(wire),
        *_unanswered(wire),
    ]


def _accepted_forgeries(wire: Sequence[Entry]) -> Iterable[str]:
    """The receiver does not look at signatures, or not at their age."""
    spoilt = {
        entry["id"]: entry["what"]
        for entry in wire
        if entry["kind"] == "fault" and entry["surface"] == "webhooks" and entry["what"].startswith(SPOILT)
    }
    for entry in wire:
        if entry["kind"] != "webhook" or entry["status"] is None or not 200 <= entry["status"] < 300:
            continue
        for rule in entry.get("faults", ()):
            if rule in spoilt:
                yield (
                    f"webhooks: {entry['url']} answered {entry['status']} to {entry['event_type']} (attempt "
                    f"{entry['attempt']}), sent with {spoilt[rule].replace('_', ' ')}: it must verify signatures"
                )


def _unanswered(wire: Sequence[Entry]) -> Iterable[str]:
    """Janus answers every request with at least one frame of the same transaction."""
    frames = [entry for entry in wire if entry["kind"] == "frame" and entry["channel"] == "socket"]
    if not frames:
        return
    end = wire[-1]["real"]
    answered = {(one["connection"], transaction) for one in frames if (transaction := _out(one)) is not None}
    closed = {one["connection"]: one["real"] for one in frames if "close" in one}
    for one in frames:
        transaction = _asked(one)
        if transaction is None or (one["connection"], transaction) in answered:
            continue
        if min(end, closed.get(one["connection"], end)) - one["real"] < ANSWER_SECS:
            continue
        who = one["participant_id"] or f"connection {one['connection']}"
        yield f"signaling: the request {transaction} of {who} was never answered: {one['text'][:200]}"


def _out(frame: Entry) -> str | None:
    return _transaction(frame) if frame["direction"] == "out" else None


def _asked(frame: Entry) -> str | None:
    return _transaction(frame) if frame["direction"] == "in" else None


def _transaction(frame: Entry) -> str | None:
    told = _read(frame.get("text"))
    transaction = told.get("transaction")
    return transaction if isinstance(transaction, str) and transaction else None


def _read(text: Any) -> Mapping[str, Any]:
    import json

    try:
        told = json.loads(text or "")
    except ValueError:  # cut, since it was long
        return {}
    return told if isinstance(told, dict) else {}
