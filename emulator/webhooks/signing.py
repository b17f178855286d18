"""The key pair that signs webhooks (rest-and-webhooks.md, section 5, "Signature")."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


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
        signature = self._key.sign(str(timestamp).encode() + b"|" + body)
        return {
            "telnyx-signature-ed25519": base64.b64encode(signature).decode(),
            "telnyx-timestamp": str(timestamp),
        }
