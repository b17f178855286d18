"""REST requests of one account, made over HTTP like any customer's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import aiohttp

from conftest_plugin.errors import RequestRefused

PAGE_SIZE = 250
"""The largest that the service grants."""


class Rest:
    """`rest_url` includes `/v2`; `http` gives the session to use, which stays its owner's."""

    def __init__(self, http: Callable[[], aiohttp.ClientSession], *, rest_url: str, api_key: str) -> None:
        self._http = http
        self._base = rest_url
        self._headers = {"Authorization": f"Bearer {api_key}"}

    async def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer's `data`. Raises RequestRefused."""
        async with self._http().post(self._base + path, headers=self._headers, json=body) as answer:
            told: Mapping[str, Any] = await answer.json()
            if answer.status >= 300:
                raise RequestRefused(f"POST {path}", answer.status, told)
            data: Mapping[str, Any] = told["data"]
            return data

    async def list(self, path: str, filters: Mapping[str, str] | None = None) -> list[Mapping[str, Any]]:
        """All pages of a list. Raises RequestRefused."""
        found: list[Mapping[str, Any]] = []
        page = 1
        while True:
            query = {**(filters or {}), "page[size]": str(PAGE_SIZE), "page[number]": str(page)}
            async with self._http().get(self._base + path, headers=self._headers, params=query) as answer:
                told: Mapping[str, Any] = await answer.json()
                if answer.status >= 300:
                    raise RequestRefused(f"GET {path}", answer.status, told)
            found += told["data"]
            if page >= told["meta"]["total_pages"]:
                return found
            page += 1
