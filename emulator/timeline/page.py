"""The picture as one HTML file: nothing is fetched, it works from a disk, light and dark."""

from __future__ import annotations

import html
import json
from functools import cache
from importlib import resources

from emulator.timeline.model import Json

# Nothing may be fetched; pictures are in the file.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; form-action 'none'"


def page(document: Json) -> str:
    """`document` is `Timeline.as_json()`, or that with what a run adds (`told_over`)."""
    # "<" only stands in strings of JSON: escaped, no text can end the script element or open another.
    data = json.dumps(document, separators=(",", ":")).replace("<", "\\u003c")
    title = html.escape(str(document.get("title") or "Timeline"))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # An icon of its own, else a browser asks the server for one.
        f'<title>{title} - Rooms emulator</title>\n<link rel="icon" href="data:,">\n'
        f"<style>\n{_text('page.css')}</style>\n</head>\n<body>\n"
        "<noscript>This page draws itself with JavaScript; its data stands in it as JSON.</noscript>\n"
        f'<script type="application/json" id="timeline">{data}</script>\n'
        f"<script>\n{_text('page.js')}</script>\n</body>\n</html>\n"
    )


@cache
def _text(name: str) -> str:
    return resources.files("emulator.timeline").joinpath(name).read_text(encoding="utf-8")
