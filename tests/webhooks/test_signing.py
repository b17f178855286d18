"""Signatures, as the vendor's own verifiers see them."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
import telnyx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from telnyx.lib.webhook_verification import WebhookVerificationError, verify_webhook_signature
from telnyx.lib.webhooks_ed25519 import unwrap_with_ed25519, verify_ed25519

from emulator.webhooks.signing import BadSignature, WebhookSigner
from tests.browser import sdk_bundle
from tests.webhooks.receiver import Posted, Receiver
from tests.webhooks.world import World


def now() -> int:
    return int(datetime.now(UTC).timestamp())


async def one_posted(world: World, receiver: Receiver) -> Posted:
    world.join(world.room(receiver.url), context="Ren\u00e9e")
    await world.drained()
    return receiver.posted[1]


def changed(body: bytes) -> bytes:
    """One byte is another one; still JSON."""
    assert b"participant" in body
    return body.replace(b"participant", b"Participant", 1)


async def test_python_sdk_accepts_the_webhook_and_refuses_a_changed_byte(world: World, receiver: Receiver) -> None:
    """R-105, R-106: over the very bytes that were sent."""
    posted = await one_posted(world, receiver)
    key = world.signer.public_key
    verify_webhook_signature(posted.body, posted.headers, key)
    for body in (changed(posted.body), posted.body + b" ", posted.body[:-1]):
        with pytest.raises(WebhookVerificationError):
            verify_webhook_signature(body, posted.headers, key)


async def test_python_sdk_client_verifies_and_unwraps(world: World, receiver: Receiver) -> None:
    """R-105."""
    posted = await one_posted(world, receiver)
    with telnyx.Telnyx(api_key="KEY", public_key=world.signer.public_key) as client:
        verify_ed25519(client, posted.body, posted.headers)
        event = unwrap_with_ed25519(client, posted.body, posted.headers)
        assert client.webhooks.unwrap(posted.body.decode(), headers=posted.headers) is not None
        with pytest.raises(WebhookVerificationError):
            verify_ed25519(client, changed(posted.body), posted.headers)
        with pytest.raises(WebhookVerificationError):
            verify_ed25519(client, posted.body, posted.headers, key=another_key())
    assert json.loads(event.model_dump_json())["data"]["event_type"] == "video.room.participant.joined"


NODE = """
const { TelnyxWebhook, TelnyxWebhookVerificationError } = require('telnyx/lib/webhooks');
const cases = JSON.parse(require('fs').readFileSync(0, 'utf8'));
(async () => {
  const results = [];
  for (const { key, body, headers } of cases) {
    try {
      await new TelnyxWebhook(key).verify(body, headers);
      results.push('accepted');
    } catch (error) {
      results.push(error instanceof TelnyxWebhookVerificationError ? 'refused' : String(error));
    }
  }
  process.stdout.write(JSON.stringify(results));
})();
"""


async def test_node_sdk_accepts_the_webhook_and_refuses_a_changed_byte(world: World, receiver: Receiver) -> None:
    """R-105, R-106: `TelnyxWebhook.verify`."""
    posted = await one_posted(world, receiver)
    key, body, headers = world.signer.public_key, posted.body.decode(), dict(posted.headers)
    stale = world.signer.headers(posted.body, now() - 1000)
    verdicts = node_verdicts(
        [
            {"key": key, "body": body, "headers": headers},
            {"key": key, "body": changed(posted.body).decode(), "headers": headers},
            {"key": another_key(), "body": body, "headers": headers},
            {"key": key, "body": body, "headers": stale},
        ]
    )
    assert verdicts == ["accepted", "refused", "refused", "refused"]


def node_verdicts(cases: list[Mapping[str, object]]) -> list[str]:
    node = shutil.which("node")
    if node is None:
        pytest.fail("Node is needed to run the vendor's SDK and is not installed")
    done = subprocess.run(
        [node, "-e", NODE],
        input=json.dumps(cases).encode(),
        capture_output=True,
        timeout=60,
        check=True,
        cwd=sdk_bundle.ensure_installed(),
    )
    verdicts: list[str] = json.loads(done.stdout)
    return verdicts


def another_key() -> str:
    return WebhookSigner(Ed25519PrivateKey.generate()).public_key


# -- our own verifier says the same ------------------------------------------------------------------------------------

BODY = b'{"data":{}}'


@pytest.fixture
def signer() -> WebhookSigner:
    return WebhookSigner(Ed25519PrivateKey.generate())


@pytest.mark.parametrize("age", [-300, 0, 300])
def test_good_signature_is_accepted(signer: WebhookSigner, age: int) -> None:
    headers = signer.headers(BODY, 1_000_000 - age)
    signer.verifier.verify(BODY, headers, now=1_000_000)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"telnyx-timestamp": None}, "telnyx-timestamp is missing"),
        ({"telnyx-signature-ed25519": None}, "telnyx-signature-ed25519 is missing"),
        ({"telnyx-timestamp": "yesterday"}, "no Unix time"),
        ({"telnyx-timestamp": "1" * 5000}, "no Unix time"),
        ({"telnyx-signature-ed25519": "!"}, "no base64"),
        ({"telnyx-signature-ed25519": base64.b64encode(b"short").decode()}, "expected 64 bytes, got 5"),
        ({"telnyx-signature-ed25519": base64.b64encode(bytes(64)).decode()}, "does not fit"),
        ({"telnyx-timestamp": "1"}, "does not fit"),
    ],
)
def test_bad_headers_are_refused_with_what_is_wrong(
    signer: WebhookSigner, changes: dict[str, str | None], says: str
) -> None:
    headers = {**signer.headers(BODY, now()), **changes}
    sent = {name: value for name, value in headers.items() if value is not None}
    with pytest.raises(BadSignature, match=says):
        signer.verifier.verify(BODY, sent, now=now())
    with pytest.raises(WebhookVerificationError):
        verify_webhook_signature(BODY, sent, signer.public_key)


@pytest.mark.parametrize(("age", "says"), [(301, "301 s old"), (-301, "301 s ahead")])
def test_old_and_future_timestamps_are_refused(signer: WebhookSigner, age: int, says: str) -> None:
    headers = signer.headers(BODY, 1_000_000 - age)
    with pytest.raises(BadSignature, match=says):
        signer.verifier.verify(BODY, headers, now=1_000_000)
