"""STUN messages: known vectors, round trips, and nothing but the typed error for nonsense."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.media.transport.errors import StunError
from emulator.media.transport.parameters import Address
from emulator.media.transport.stun import (
    MAX_ATTRIBUTES,
    Attribute,
    StunClass,
    StunMessage,
    build,
    build_error,
    build_success,
)

# RFC 5769 section 2.1: password VOkJxbRl1RmTxUk/WvJxBt, username evtj:h6vY
SAMPLE_REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74"
    "002400046e0001ff80290008932ff9b151263b36000600096576746a3a6836765920202000080014"
    "9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)
# RFC 5769 section 2.2: the response, mapped address 192.0.2.1 port 32853
SAMPLE_RESPONSE = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
# RFC 5769 section 2.3: the same for 2001:db8:1234:5678:11:2233:4455:6677 port 32853
SAMPLE_RESPONSE_6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a147"
    "0113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
)
# A busy machine is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
PASSWORD = "VOkJxbRl1RmTxUk/WvJxBt"
REQUEST = StunMessage(StunClass.REQUEST, 1, b"0123456789ab", ())


def test_the_sample_request_of_rfc_5769_is_understood() -> None:
    message = StunMessage.parse(SAMPLE_REQUEST)

    assert message.message_class is StunClass.REQUEST
    assert message.username == "evtj:h6vY"
    assert message.attribute(Attribute.PRIORITY) == bytes.fromhex("6e0001ff")
    assert message.attribute(Attribute.ICE_CONTROLLED) == bytes.fromhex("932ff9b151263b36")
    assert message.verify_integrity(PASSWORD)
    assert not message.verify_integrity(PASSWORD + "x")


@pytest.mark.parametrize(
    ("sample", "address"),
    [
        (SAMPLE_RESPONSE, ("192.0.2.1", 32853)),
        (SAMPLE_RESPONSE_6, ("2001:db8:1234:5678:11:2233:4455:6677", 32853, 0, 0)),
    ],
)
def test_the_sample_responses_of_rfc_5769_are_understood(sample: bytes, address: Address) -> None:
    message = StunMessage.parse(sample)
    assert message.verify_integrity(PASSWORD)
    assert message.xor_mapped_address == address


@pytest.mark.parametrize("address", [("192.0.2.1", 32853), ("2001:db8::1", 5, 0, 0)])
def test_a_success_response_carries_the_senders_address(address: Address) -> None:
    response = StunMessage.parse(build_success(REQUEST, address, "secret"))
    assert response.message_class is StunClass.SUCCESS
    assert response.transaction_id == REQUEST.transaction_id
    assert response.xor_mapped_address == address
    assert response.verify_integrity("secret")


def test_an_error_response_names_its_code_and_unknown_attributes() -> None:
    request = StunMessage(StunClass.REQUEST, 1, b"0123456789ab", ((0x7000, b"?"), (0xC057, b"")))
    response = StunMessage.parse(build_error(request, 420, "Unknown Attribute"))
    assert response.error_code == 420
    assert response.attribute(Attribute.UNKNOWN_ATTRIBUTES) == b"\x70\x00"
    assert not response.has_integrity


def test_attributes_behind_the_integrity_do_not_count() -> None:
    signed = build(StunClass.REQUEST, b"0123456789ab", (), password="secret")[:-8]
    appended = signed + b"\x00\x25\x00\x00"  # USE-CANDIDATE, added on the way
    forged = appended[:2] + (len(appended) - 20).to_bytes(2, "big") + appended[4:]

    message = StunMessage.parse(forged)
    assert message.verify_integrity("secret")
    assert message.attribute(Attribute.USE_CANDIDATE) is None


@pytest.mark.parametrize("position", range(len(SAMPLE_REQUEST) - 8))  # all that FINGERPRINT covers
def test_a_changed_byte_is_noticed(position: int) -> None:
    changed = bytearray(SAMPLE_REQUEST)
    changed[position] ^= 1
    with pytest.raises(StunError):
        StunMessage.parse(bytes(changed))


def test_too_many_attributes_are_refused() -> None:
    data = build(StunClass.REQUEST, b"0123456789ab", ((0x8000, b""),) * (MAX_ATTRIBUTES + 1))
    with pytest.raises(StunError, match="at most"):
        StunMessage.parse(data)


attributes = st.lists(
    st.tuples(st.integers(0, 0xFFFF).filter(lambda kind: kind not in (0x0008, 0x8028)), st.binary(max_size=40)),
    max_size=8,
).map(tuple)


@patient
@given(st.sampled_from(StunClass), st.binary(min_size=12, max_size=12), attributes, st.none() | st.text(max_size=20))
def test_what_was_built_parses_to_the_same(
    message_class: StunClass,
    transaction_id: bytes,
    given_attributes: tuple[tuple[int, bytes], ...],
    password: str | None,
) -> None:
    message = StunMessage.parse(build(message_class, transaction_id, given_attributes, password=password))
    assert message == StunMessage(message_class, 1, transaction_id, given_attributes)
    assert message.has_integrity is (password is not None)
    assert password is None or message.verify_integrity(password)


def _framed(body: bytes) -> bytes:
    body += b"\0" * (-len(body) % 4)
    return b"\x00\x01" + len(body).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + b"t" * 12 + body


@patient
@given(st.binary(max_size=300) | st.binary(max_size=200).map(_framed))
def test_nonsense_raises_nothing_but_the_stun_error(data: bytes) -> None:
    try:
        message = StunMessage.parse(data)
    except StunError:
        return
    assert isinstance(message.username, str | None)
    assert isinstance(message.error_code, int | None)
    assert message.xor_mapped_address is None or len(message.xor_mapped_address) in (2, 4)
    assert not message.verify_integrity("secret")
    assert len(message.unknown_required) <= len(message.attributes)
