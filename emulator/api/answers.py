"""Success answers: `{"data": ...}` as application/json, and 204 without a body (R-2, R-3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from aiohttp import hdrs, web

from emulator.rooms.queries import Page
from emulator.wire import rest

T = TypeVar("T")

_JSON = {hdrs.CONTENT_TYPE: "application/json; charset=utf-8"}


def one(data: rest.Json, *, status: int = 200) -> web.Response:
    return web.Response(status=status, body=rest.encode(rest.data_body(data)), headers=_JSON)


def many(page: Page[T], as_json: Callable[[T], rest.Json]) -> web.Response:
    body = rest.encode(rest.list_body([as_json(item) for item in page.items], _meta(page)))
    return web.Response(body=body, headers=_JSON)


def one_text(resource: str, *, status: int = 200) -> web.Response:
    """Of a resource that is encoded already."""
    return web.Response(status=status, body=rest.data_of_text(resource), headers=_JSON)


def many_texts(page: Page[T], resources: Sequence[str]) -> web.Response:
    """The page's items are encoded already."""
    return web.Response(body=rest.list_of_texts(resources, _meta(page)), headers=_JSON)


def nothing() -> web.Response:
    return web.Response(status=204)


def _meta(page: Page[T]) -> rest.PageMeta:
    return rest.PageMeta(page.number, page.size, page.total_pages, page.total_results)
