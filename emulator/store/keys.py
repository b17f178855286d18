"""Ed25519 keys that stay the same from start to start, as PEM files in the data directory."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from emulator.store.directory import DataDir
from emulator.store.errors import Damaged


def lasting_key(directory: DataDir, name: str) -> Ed25519PrivateKey:
    """The private key in the file `name`, made at the first start. Raises Unusable, Damaged."""
    made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    content = directory.secret(name, make=made)
    why = "it holds a key of another kind"
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError) as error:
        why, key = str(error).splitlines()[0], None
    if not isinstance(key, Ed25519PrivateKey):
        raise Damaged(
            f"{directory.path / name}: expected an unencrypted Ed25519 private key in PEM, but {why}. Put the key "
            "back, or remove the file for a new one (what was issued with the old key is refused from then on)."
        )
    return key
