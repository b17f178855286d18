"""DTLS 1.2 over datagrams that someone else carries (RFC 6347), with SRTP keys as the result (RFC 5764)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL, crypto

from emulator.values import value_class
from emulator.wire.sdp import Fingerprint

from .flight import Flight
from .parameters import DtlsRole, Scheduler

MTU = 1200
"""Bytes of UDP payload per datagram of a handshake."""
DATA_LIMIT = 1400
"""Largest message `send_data` takes: it leaves as one datagram, with up to 37 bytes of record around it."""
LAST_FLIGHT_REPEATS = 8
"""How often a server repeats its last flight, over four seconds, while nothing shows that it has arrived."""

_DTLS_1_2 = 0xFEFD
_RECORD_HEADER = 13
_RECORD_LIMIT = 1 << 14  # plaintext of one record (RFC 6347 section 4.1)
_FLIGHT_CHUNK = 1 << 12  # bytes; most flights are smaller
_CONTENT_TYPES = range(20, 26)
_CHANGE_CIPHER_SPEC, _HANDSHAKE = 20, 22
_ONE_MESSAGE = b"\x17\xfe"  # how a record of application data begins
_CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:"
    b"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA"
)
FINGERPRINT_HASHES = {"sha-256": hashlib.sha256, "sha-384": hashlib.sha384, "sha-512": hashlib.sha512}


@value_class(frozen=True, slots=True)
class _Profile:
    """An SRTP protection profile with the sizes of its master key and salt in bytes."""

    name: str
    key_size: int
    salt_size: int


# In order of preference: AEAD is the cheaper one (media.md section 2).
_PROFILES = (
    _Profile("SRTP_AEAD_AES_128_GCM", 16, 12),  # RFC 7714 section 14.2
    _Profile("SRTP_AES128_CM_SHA1_80", 16, 14),  # RFC 5764 section 4.1.2
)


@value_class(frozen=True, slots=True)
class SrtpKeys:
    """Master key followed by master salt for each direction. `profile` is OpenSSL's name."""

    profile: str
    local: bytes
    remote: bytes


class Certificate:
    """A self-signed ECDSA P-256 certificate, its fingerprint, and the SSL context shared by its connections."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self.fingerprint = Fingerprint("sha-256", _hex(certificate.fingerprint(hashes.SHA256())))
        self.context = _context(key, certificate)

    @classmethod
    def generate(cls) -> Certificate:
        """A fresh one; once per process is enough."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "WebRTC")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            # Fixed dates need no clock: the other end compares the fingerprint, nothing else (RFC 8827 section 6.5).
            .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2049, 12, 31, tzinfo=UTC))
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)


def _context(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> SSL.Context:
    context = SSL.Context(SSL.DTLS_METHOD)
    # DTLS 1.3 records may come without a length, and then flights cannot be split at record headers.
    context.set_min_proto_version(_DTLS_1_2)
    context.set_max_proto_version(_DTLS_1_2)
    context.set_options(SSL.OP_NO_QUERY_MTU | SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _verify)
    context.set_cipher_list(_CIPHERS)
    context.set_tlsext_use_srtp(":".join(profile.name for profile in _PROFILES).encode())
    context.use_certificate(certificate)
    context.use_privatekey(key)
    return context


def _verify(connection: SSL.Connection, certificate: crypto.X509, _error: int, depth: int, _ok: int) -> bool:
    """OpenSSL's question during a handshake; a refusal makes it send an alert."""
    owner = connection.get_app_data()
    # As bytes: nothing but the fingerprint counts, and what is no good certificate otherwise must not be looked into.
    der = crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)
    return isinstance(owner, DtlsConnection) and (depth > 0 or owner.verify(der))


def _unknown() -> bool:
    """What is known of the other end by other means, where there are none."""
    return False


class DtlsConnection:
    """One DTLS association.

    Datagrams go out through `send`; the results come through `on_established(keys)` once, `on_data(message)`,
    and `on_closed(reason)` once, unless `close` was called first. Keys are exported only after the certificate
    of the other end has matched `remote_fingerprint`.

    Nothing answers a server's last flight. It is repeated until the other end asks no more for it and has sent data,
    or `finished_elsewhere()` says that it is known by other means (media came) to be done.
    """

    def __init__(
        self,
        certificate: Certificate,
        role: DtlsRole,
        remote_fingerprint: Fingerprint,
        *,
        send: Callable[[bytes], object],
        scheduler: Scheduler,
        on_established: Callable[[SrtpKeys], None],
        on_data: Callable[[bytes], None],
        on_closed: Callable[[str], None],
        finished_elsewhere: Callable[[], bool] = _unknown,
    ) -> None:
        self.role = role
        self.established = False
        self.malformed = 0
        """Datagrams dropped because they are not a sequence of whole records."""
        self._remote_fingerprint = remote_fingerprint
        self._verified: bool | None = None
        self._send = send
        self._on_established = on_established
        self._on_data = on_data
        self._on_closed = on_closed
        self._finished_elsewhere = finished_elsewhere
        self._flight = Flight(send=send, scheduler=scheduler, due=self._flight_due)
        self._closed = False
        self._all_read = False
        """Whether the handshake is over, and OpenSSL has nothing more of what has come."""
        self._ssl = SSL.Connection(certificate.context)
        self._ssl.set_app_data(self)
        self._ssl.set_ciphertext_mtu(MTU)
        if role is DtlsRole.CLIENT:
            self._ssl.set_connect_state()
        else:
            self._ssl.set_accept_state()

    def start(self) -> None:
        """A client sends its ClientHello, a server waits for one."""
        if self.role is DtlsRole.CLIENT:
            self._advance()

    def receive(self, datagram: bytes) -> None:
        """A datagram from the other end."""
        if self._closed:
            return
        if self._all_read and datagram[:2] == _ONE_MESSAGE and _record_end(datagram, 0) == len(datagram):
            # As nearly always: it need not be asked whether there are more, or what there is to send.
            self._ssl.bio_write(datagram)
            self._read_message(len(datagram))
            return
        if not _whole_records(datagram):
            self.malformed += 1
            return
        # A client that repeats its last flight has not got ours. OpenSSL answers that only if its records have new
        # numbers, which those of its own timer have; to all others it is a replay.
        repeated = self.established and datagram[0] in (_CHANGE_CIPHER_SPEC, _HANDSHAKE)
        self._ssl.bio_write(datagram)
        answered = self._advance()
        if repeated and not answered:
            self._repeat_last_flight()

    def send_data(self, message: bytes) -> bool:
        """Sends application data in one datagram; False before the handshake is done and after the end.

        Raises `ValueError` if it is larger than `DATA_LIMIT` or empty.
        """
        if not 0 < len(message) <= DATA_LIMIT:
            raise ValueError(f"expected 1 to {DATA_LIMIT} bytes of data, got {len(message)}")
        if self._closed or not self.established:
            return False
        try:
            self._ssl.send(message)
        except SSL.Error as exc:
            self._fail(f"DTLS could not send: {_describe(exc)}")
            return False
        self._flush()
        return True

    def close(self) -> None:
        """Sends close_notify if there is a connection. `on_closed` is not called. Safe to call again."""
        if self._closed:
            return
        if self.established:
            try:
                self._ssl.shutdown()
            except SSL.Error:
                # The other end has closed or broken the connection already: nothing is left to notify.
                self.established = False
            self._flush()
        self._shut()

    def verify(self, certificate: bytes) -> bool:
        """Whether this is the certificate (DER) the other end announced in its description."""
        digest = FINGERPRINT_HASHES.get(self._remote_fingerprint.algorithm)
        self._verified = digest is not None and hmac.compare_digest(
            _hex(digest(certificate).digest()).encode(),
            self._remote_fingerprint.value.upper().encode(),
        )
        return self._verified

    # -- the handshake -----------------------------------------------------------------------------------

    def _advance(self) -> bool:
        """Lets OpenSSL work on what has come, and sends what it has to say; whether there was anything."""
        if self.established:
            return self._read()
        try:
            self._ssl.do_handshake()
        except SSL.WantReadError:
            flight = self._flush()
            if flight:
                self._flight.begin(flight)
            return bool(flight)
        except SSL.Error as exc:
            self._flush()  # the alert
            self._fail(self._handshake_problem(exc))
            return True
        flight = self._flush()
        if self._establish():
            if self.role is DtlsRole.SERVER:
                self._flight.begin(flight)
            self._read()
        return bool(flight)

    def _establish(self) -> bool:
        self._flight.stop()
        name = self._ssl.get_selected_srtp_profile().decode()
        profile = next((each for each in _PROFILES if each.name == name), None)
        if self._verified is not True or profile is None:
            self.established = True  # so that close_notify is sent
            self._fail(
                "the other end offered no SRTP profile we know" if self._verified else "fingerprint not verified"
            )
            return False
        # RFC 5764 section 4.2: client key, server key, client salt, server salt
        size = 2 * (profile.key_size + profile.salt_size)
        material = self._ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", size)
        keys, salts = material[: 2 * profile.key_size], material[2 * profile.key_size :]
        client = keys[: profile.key_size] + salts[: profile.salt_size]
        server = keys[profile.key_size :] + salts[profile.salt_size :]
        ours, theirs = (client, server) if self.role is DtlsRole.CLIENT else (server, client)
        self.established = True
        self._on_established(SrtpKeys(profile.name, ours, theirs))
        return not self._closed

    def _handshake_problem(self, exc: SSL.Error) -> str:
        if self._verified is False:
            return (
                "DTLS handshake failed: the certificate does not match the fingerprint "
                f"{self._remote_fingerprint} of the other end's description"
            )
        return f"DTLS handshake failed: {_describe(exc)}"

    def _flight_due(self) -> None:
        if self.established:
            self._repeat_last_flight()
            return
        try:
            self._ssl.DTLSv1_handle_timeout()
        except SSL.Error as exc:
            self._fail(f"DTLS handshake timed out: {_describe(exc)}")
            return
        # Nothing comes of that before OpenSSL's own time is over.
        renewed = self._flush()
        if renewed:
            self._flight.renew(renewed)
        else:
            self._flight.repeat()

    def _repeat_last_flight(self) -> None:
        if self._flight.repeats > LAST_FLIGHT_REPEATS or self._finished_elsewhere():
            self._flight.stop()
        else:
            self._flight.repeat()

    # -- records -----------------------------------------------------------------------------------------

    def _read(self) -> bool:
        """Passes on the data that has come; whether OpenSSL had something to send meanwhile."""
        self._all_read = False  # until then, also if somebody raises who is told
        while not self._closed and self._read_message(_RECORD_LIMIT):
            pass
        self._all_read = True
        return bool(self._flush())

    def _read_message(self, limit: int) -> bool:
        """Passes on the next message of at most `limit` bytes; False when there is none."""
        try:
            message = self._ssl.recv(limit)
        except SSL.WantReadError:
            return False
        except SSL.ZeroReturnError:
            self._fail("DTLS close_notify from the other end")
            return False
        except SSL.Error as exc:
            self._flush()
            self._fail(f"DTLS error: {_describe(exc)}")
            return False
        self._flight.stop()
        self._on_data(message)
        return True

    def _flush(self) -> list[bytes]:
        """Sends what OpenSSL has written, whole records per datagram; the datagrams."""
        written = b""
        while True:
            try:
                read = self._ssl.bio_read(_FLIGHT_CHUNK)
            except SSL.WantReadError:
                break
            written += read
            if len(read) < _FLIGHT_CHUNK:  # that was all: to be told so costs as much as to encrypt it
                break
        datagrams = list(pack_records(written, MTU)) if len(written) > MTU else [written] if written else []
        for datagram in datagrams:
            self._send(datagram)
        return datagrams

    def _fail(self, reason: str) -> None:
        if not self._closed:
            self.close()
            self._on_closed(reason)

    def _shut(self) -> None:
        self._closed = True
        self._flight.stop()
        self._ssl.set_app_data(None)


def pack_records(written: bytes, mtu: int) -> Iterator[bytes]:
    """Splits what OpenSSL wrote into datagrams of whole records, each at most `mtu` bytes if a record allows.

    A memory BIO forgets where one datagram ended; record headers tell (RFC 6347 section 4.1).
    """
    start = end = 0
    while end < len(written):
        following = _record_end(written, end)
        if following - start > mtu and end > start:
            yield written[start:end]
            start = end
        end = following
    yield written[start:]


def _whole_records(datagram: bytes) -> bool:
    position = 0
    while position + _RECORD_HEADER <= len(datagram):
        if datagram[position] not in _CONTENT_TYPES or datagram[position + 1] != 0xFE:
            return False
        position = _record_end(datagram, position)
    return position == len(datagram) and position > 0


def _record_end(records: bytes, start: int) -> int:
    """Where the record ends that begins there."""
    return start + _RECORD_HEADER + int.from_bytes(records[start + 11 : start + 13], "big")


def _hex(digest: bytes) -> str:
    return digest.hex(":").upper()


def _describe(exc: SSL.Error) -> str:
    """OpenSSL's words for an error, without its library and function names."""
    queue = exc.args[0] if exc.args else None
    if isinstance(queue, list) and queue:
        return str(queue[-1][-1])
    return str(exc) or type(exc).__name__
