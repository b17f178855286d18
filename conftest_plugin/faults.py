"""What goes wrong on purpose in the test's account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conftest_plugin.facade import Facade, awaitable, blocking
from emulator.clients.admin_client import AdminClient, FaultRule


class FaultControl:
    """Rules of the account, which go with it when the test is over."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin

    async def add(
        self,
        surface: str,
        kind: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        match: Mapping[str, Any] | None = None,
        probability: float | None = None,
        count: int | None = None,
        after: int | None = None,
        seed: int | None = None,
        id: str | None = None,
    ) -> FaultRule:
        """E.g. `add("rest", "status", {"status": 503}, match={"operation": "CreateRoom"}, count=1)`.

        Raises AdminRefused, which names what is wrong.
        """
        rule = {
            "surface": surface,
            "kind": kind,
            "parameters": parameters,
            "match": match,
            "probability": probability,
            "count": count,
            "after": after,
            "seed": seed,
            "id": id,
        }
        return await self._admin.add_fault({name: value for name, value in rule.items() if value is not None})

    async def add_all(self, rules: Sequence[Mapping[str, Any]]) -> list[FaultRule]:
        """Rules as documents: all of them or, when one is wrong, none."""
        return await self._admin.add_faults(rules)

    async def rules(self) -> list[FaultRule]:
        """Those in force; how often each matched and fired."""
        return await self._admin.faults()

    async def rule(self, rule_id: str) -> FaultRule:
        """As it stands now. Raises LookupError when there is none."""
        for rule in await self._admin.faults():
            if rule.id == rule_id:
                return rule
        raise LookupError(f"no fault rule has the id {rule_id!r}")

    async def remove(self, rule_id: str) -> None:
        await self._admin.remove_fault(rule_id)

    async def clear(self) -> None:
        """All is well again."""
        await self._admin.clear_faults()


class Faults(Facade[FaultControl]):
    called = "faults"
    add = blocking(FaultControl.add)
    add_all = blocking(FaultControl.add_all)
    rules = blocking(FaultControl.rules)
    rule = blocking(FaultControl.rule)
    remove = blocking(FaultControl.remove)
    clear = blocking(FaultControl.clear)


class AsyncFaults(Facade[FaultControl]):
    called = "faults"
    add = awaitable(FaultControl.add)
    add_all = awaitable(FaultControl.add_all)
    rules = awaitable(FaultControl.rules)
    rule = awaitable(FaultControl.rule)
    remove = awaitable(FaultControl.remove)
    clear = awaitable(FaultControl.clear)
