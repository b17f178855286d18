"""The admin API on an application: its parts' operations as routes, and the edge around them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import web
from aiohttp.typedefs import Middleware

from emulator.admin.about import About
from emulator.admin.edge import AdminEdge
from emulator.admin.guard import Guard
from emulator.admin.operation import Operation, Part
from emulator.api.recorder import Recorder


class Admin:
    """Everything under /_emulator/, and the two health probes.

    `ready` says whether everything answers yet; `parts` bring the operations. `recorder` notes what
    changes an account. Put `middleware` on the root application.
    """

    def __init__(
        self,
        *,
        info: Callable[[], dict[str, object]],
        ready: Callable[[], bool],
        guard: Guard,
        ca_pem: Callable[[], str | None] = lambda: None,
        parts: Sequence[Part] = (),
        recorder: Recorder | None = None,
    ) -> None:
        self._about = About(info=info, ready=ready, listed=self.operations, ca_pem=ca_pem)
        self._operations = tuple(operation for part in (self._about, *parts) for operation in part.operations())
        self._edge = AdminEdge(guard, {(o.method, o.path) for o in self._operations if o.open}, recorder)

    def operations(self) -> Sequence[Operation]:
        return self._operations

    @property
    def middleware(self) -> Middleware:
        return self._edge.middleware

    def add_routes(self, app: web.Application) -> None:
        self._about.add_health_routes(app)
        app.add_routes(web.route(o.method, o.path, o.handler) for o in self._operations)
