"""What the emulator claims to do as the service does it, as a page and as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import hdrs, web

from emulator.admin.operation import JSON, Answer, Operation, data_schema, list_schema, object_schema

_RULE = object_schema(
    {
        "number": {"type": "string"},
        "basis": {"type": "string", "enum": ["documented", "observed", "inferred"]},
        "says": {"type": "string"},
        "tests": list_schema({"type": "string"}),
    },
    required=["number", "basis", "says", "tests"],
)


class FidelityRoutes:
    def operations(self) -> Sequence[Operation]:
        return (
            Operation(
                "GET",
                "/_emulator/fidelity",
                "Every behaviour of the service that is emulated: its basis, and the tests that hold it.",
                self.tell,
                answers=[Answer(content={JSON: data_schema(list_schema(_RULE)), "text/html": {"type": "string"}})],
                account=False,
            ),
        )

    async def tell(self, request: web.Request) -> web.Response:
        # It is asked for rarely, and reads two files: no start waits for it.
        from emulator.contract import fidelity

        if "text/html" in request.headers.get(hdrs.ACCEPT, ""):
            return web.Response(text=fidelity.page(), content_type="text/html")
        return web.json_response({"data": [rule.as_json() for rule in fidelity.rules().values()]})
