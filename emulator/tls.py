"""A throw-away certificate authority, for clients that reach the emulator under the service's own names.

Its key is used once and forgotten; it may only speak for the names below (name constraints, RFC 5280 4.2.1.10), so
whoever trusts it trusts it with nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAMES = ("video.telnyx.com", "api.telnyx.com", "localhost")
ADDRESSES = (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))
VALID = timedelta(days=90)
"""Browsers refuse certificates that are good for very long."""


@dataclass(frozen=True, slots=True)
class Tls:
    """`context` serves; `ca_pem` is what clients are to trust; `spki` is what Chromium can be told to accept.

    spki  base64 of the SHA-256 of the certificate's public key, for --ignore-certificate-errors-spki-list
    """

    context: ssl.SSLContext
    ca_pem: str
    spki: str


def throw_away(host: str, *, now: datetime | None = None) -> Tls:
    """A new authority and a certificate of it for the service's names, localhost, and the address `host`."""
    now = datetime.now(UTC) if now is None else now
    addresses = list(dict.fromkeys([*ADDRESSES, ipaddress.ip_address(host)]))
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Rooms emulator, throw-away authority")])
    allowed: list[x509.GeneralName] = [x509.DNSName(name) for name in NAMES]
    allowed += [x509.IPAddress(ipaddress.ip_network(address)) for address in addresses]
    ca = (
        _builder(ca_name, ca_name, ca_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign=False), critical=True)
        .add_extension(x509.NameConstraints(permitted_subtrees=allowed, excluded_subtrees=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    named: Sequence[x509.GeneralName] = [
        *(x509.DNSName(name) for name in NAMES),
        *(x509.IPAddress(address) for address in addresses),
    ]
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAMES[0])])
    certificate = (
        _builder(name, ca_name, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(named), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Tls(
        context=_context(certificate, key),
        ca_pem=ca.public_bytes(serialization.Encoding.PEM).decode(),
        spki=base64.b64encode(hashlib.sha256(public).digest()).decode(),
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    # An hour before, for clients whose clock is behind ours.
    begin = now - timedelta(hours=1)
    numbered = x509.CertificateBuilder().serial_number(x509.random_serial_number())
    return (
        numbered.subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .not_valid_before(begin)
        .not_valid_after(begin + VALID)
    )


def _usage(*, sign: bool) -> x509.KeyUsage:
    """`sign`: what a server needs; else what an authority needs."""
    return x509.KeyUsage(
        digital_signature=sign,
        key_cert_sign=not sign,
        crl_sign=not sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _context(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # The standard library takes it from a file only: one that nobody else can read, gone at once.
    handle, name = tempfile.mkstemp(suffix=".pem")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secret + certificate.public_bytes(serialization.Encoding.PEM))
        context.load_cert_chain(name)
    finally:
        Path(name).unlink()
    return context
