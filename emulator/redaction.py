"""Texts without what nobody else may have: tokens, signatures of URLs, secrets. They may be cut short anywhere."""

from __future__ import annotations

import base64
import hashlib
import re

REDACTED = "[redacted]"

_SECRET_NAMES = ("token", "refresh_token", "client_token", "api_key", "api_secret", "apisecret", "admin_key", "secret")
_NAMES = "|".join(_SECRET_NAMES)
_MEMBER = re.compile(rf'("(?:{_NAMES})"\s*:\s*")((?:[^"\\]|\\.)*)')
_INNER_MEMBER = re.compile(rf'(\\+"(?:{_NAMES})\\+"\s*:\s*\\+")([^"\\]*)')
"""Of JSON within a JSON string. Both also fit what is cut short."""
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)?")
"""Header, payload and signature, or what is left of them after the first dot: the header alone is no secret."""
_JSON_IN_BASE64 = re.compile(r"e[wy][A-Za-z0-9+/_-]{10,}={0,2}")
"""What begins with a brace, as a `display` does: it is left as it is, unless there is a secret in it."""
_PARAMETER = re.compile(rf"((?:^|[?&;])(?:signature|{_NAMES})=)([^&\s\"'<>#\\]+)")
_ANY_SECRET = re.compile(r"token|secret|signature|ey[JA]|ew[o0]|admin_key|api_key", re.IGNORECASE)


def redacted(text: str) -> str:
    """The text without tokens, signatures of URLs, secrets. The same token leaves the same mark wherever it stood."""
    if _ANY_SECRET.search(text) is None:
        return text
    text = _JWT.sub(_mark, text)
    text = _JSON_IN_BASE64.sub(_look_into, text)
    for secret in (_MEMBER, _INNER_MEMBER, _PARAMETER):
        text = secret.sub(_hide, text)
    return text


def _look_into(found: re.Match[str]) -> str:
    packed = found[0].rstrip("=").replace("-", "+").replace("_", "/")
    whole = packed[: len(packed) - len(packed) % 4] if len(packed) % 4 == 1 else packed
    inside = base64.b64decode(whole + "=" * (-len(whole) % 4)).decode("utf-8", "replace")
    return found[0] if redacted(inside) == inside else _mark(found)


def _hide(found: re.Match[str]) -> str:
    return found[1] + (found[2] if found[2].startswith("[token ") else REDACTED)


def _mark(found: re.Match[str]) -> str:
    """Random enough that nobody finds it by its digest."""
    return f"[token {hashlib.sha256(found[0].encode()).hexdigest()[:8]}]"
