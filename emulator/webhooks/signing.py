"""The key pair that signs webhooks, and the check of a signature (rest-and-webhooks.md, section 5, "Signature")."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNATURE_HEADER = "telnyx-signature-ed25519"
TIMESTAMP_HEADER = "telnyx-timestamp"

TOLERANCE_SECS = 300
"""Official verifiers accept timestamps so far from their own time."""


class BadSignature(Exception):
    """A webhook is not what the emulator has signed, or not lately; the text says what is wrong."""


class WebhookSigner:
    """Signs `timestamp|body` with Ed25519, as the official verifiers expect it (R-105, R-106)."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @property
    def public_key(self) -> str:
        """Standard base64 of the 32 raw bytes: the value of TELNYX_PUBLIC_KEY."""
        raw = self._key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return base64.b64encode(raw).decode()

    def headers(self, body: bytes, timestamp: int) -> dict[str, str]:
        """The two signature headers for these very bytes at this Unix time (seconds)."""
        signature = self._key.sign(_signed(str(timestamp), body))
        return {SIGNATURE_HEADER: base64.b64encode(signature).decode(), TIMESTAMP_HEADER: str(timestamp)}

    @property
    def verifier(self) -> WebhookVerifier:
        return WebhookVerifier(self._key.public_key())


class WebhookVerifier:
    """Says of a webhook what the official verifiers would say."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    def verify(self, body: bytes, headers: Mapping[str, str], *, now: float) -> None:
        """`headers` with names in lower case, or any case-insensitive mapping; `now` in Unix seconds.

        Raises BadSignature.
        """
        timestamp, encoded = headers.get(TIMESTAMP_HEADER), headers.get(SIGNATURE_HEADER)
        if timestamp is None or encoded is None:
            missing = [name for name in (SIGNATURE_HEADER, TIMESTAMP_HEADER) if name not in headers]
            raise BadSignature(f"the header {' and the header '.join(missing)} is missing")
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 20):
            raise BadSignature(f"{TIMESTAMP_HEADER} is no Unix time in seconds: {timestamp[:40]!r}")
        try:
            signature = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadSignature(f"{SIGNATURE_HEADER} is no base64: {error}") from error
        if len(signature) != 64:
            raise BadSignature(f"{SIGNATURE_HEADER}: expected 64 bytes, got {len(signature)}")
        try:
            self._key.verify(signature, _signed(timestamp, body))
        except InvalidSignature:
            raise BadSignature("the signature does not fit the body and the timestamp") from None
        age = now - int(timestamp)
        if abs(age) > TOLERANCE_SECS:
            apart = f"{abs(age):.0f} s {'old' if age > 0 else 'ahead'}"
            raise BadSignature(f"the timestamp is {apart}; verifiers accept {TOLERANCE_SECS} s")


def _signed(timestamp: str, body: bytes) -> bytes:
    return timestamp.encode() + b"|" + body
