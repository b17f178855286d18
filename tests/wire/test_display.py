"""The display encoding against the literal samples of signaling.md, section 3."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.wire import display as displays
from emulator.wire.display import MAX_DISPLAY_CHARS, Display, DisplayError, StreamInfo, decode, encode

ALICE = "3f1c7a52-5d0e-4b0e-9a53-0d6f6a1b2c11"
PHONE = "9f0a4f5e-6a43-4c0e-8b5d-77f3c1f0a001"

D1 = (
    "eyJwYXJ0aWNpcGFudElkIjoiM2YxYzdhNTItNWQwZS00YjBlLTlhNTMtMGQ2ZjZhMWIyYzExIiwiZXh0ZXJuYWwiOiJ7XCJpZFwiOjcsXCJ1c2Vy"
    "bmFtZVwiOlwiWm/Dq1wifSIsImNhblJlY2VpdmVNZXNzYWdlcyI6dHJ1ZX0="
)
D1_BARE = (
    "eyJwYXJ0aWNpcGFudElkIjoiM2YxYzdhNTItNWQwZS00YjBlLTlhNTMtMGQ2ZjZhMWIyYzExIiwiY2FuUmVjZWl2ZU1lc3NhZ2VzIjpmYWxzZX0="
)
D2 = "eyJwYXJ0aWNpcGFudElkIjoiM2YxYzdhNTItNWQwZS00YjBlLTlhNTMtMGQ2ZjZhMWIyYzExIn0="
D3 = (
    "eyJwYXJ0aWNpcGFudElkIjoiM2YxYzdhNTItNWQwZS00YjBlLTlhNTMtMGQ2ZjZhMWIyYzExIiwic3RyZWFtIjp7ImlkIjoiYjRhYjIzOGQtYmZk"
    "YS00MjY4LTlkMTItYjQ3ZDRjNDY1Yzk2Iiwia2V5IjoiYXVkaW9icmlkZ2UiLCJpc0F1ZGlvRW5hYmxlZCI6dHJ1ZSwiaXNWaWRlb0VuYWJsZWQi"
    "OmZhbHNlfX0="
)
D4 = (
    "eyJwYXJ0aWNpcGFudElkIjoiM2YxYzdhNTItNWQwZS00YjBlLTlhNTMtMGQ2ZjZhMWIyYzExIiwic3RyZWFtIjp7ImlkIjoiMmQ4ZTMwNDktZmFk"
    "YS00Yzg2LTk1NTEtMDExZmM2OTFlYmM2Iiwia2V5Ijoic2VsZiIsImlzQXVkaW9FbmFibGVkIjp0cnVlLCJpc1ZpZGVvRW5hYmxlZCI6dHJ1ZX19"
)
D5 = (
    "eyJwYXJ0aWNpcGFudElkIjoiOWYwYTRmNWUtNmE0My00YzBlLThiNWQtNzdmM2MxZjBhMDAxIiwidGVsZXBob255RW5naW5lUGFydGljaXBhbnQi"
    "OnRydWUsImV4dGVybmFsIjoie1widXNlcm5hbWVcIjpcIisxNTU1MTIzMDAwMFwifSIsInN0cmVhbSI6eyJpZCI6ImMwZmZlZTAwLTExMTEtNDIy"
    "Mi04MzMzLTQ0NDQ1NTU1NjY2NiIsImtleSI6ImF1ZGlvYnJpZGdlIiwiaXNBdWRpb0VuYWJsZWQiOnRydWUsImlzVmlkZW9FbmFibGVkIjpmYWxz"
    "ZX19"
)

SAMPLES = [
    pytest.param(
        D1,
        displays.participant(ALICE, external='{"id":7,"username":"Zoë"}', can_receive_messages=True),
        Display(ALICE, external='{"id":7,"username":"Zoë"}', can_receive_messages=True),
        id="D1",
    ),
    pytest.param(
        D1_BARE,
        displays.participant(ALICE, external=None),
        Display(ALICE, can_receive_messages=False),
        id="D1-without-context",
    ),
    pytest.param(D2, displays.listener(ALICE), Display(ALICE), id="D2"),
    pytest.param(
        D3,
        displays.mixer_leg(ALICE, "b4ab238d-bfda-4268-9d12-b47d4c465c96"),
        Display(ALICE, stream=StreamInfo("b4ab238d-bfda-4268-9d12-b47d4c465c96", "audiobridge", True, False)),
        id="D3",
    ),
    pytest.param(
        D4,
        displays.published(ALICE, StreamInfo("2d8e3049-fada-4c86-9551-011fc691ebc6", "self", True, True)),
        Display(ALICE, stream=StreamInfo("2d8e3049-fada-4c86-9551-011fc691ebc6", "self", True, True)),
        id="D4",
    ),
    pytest.param(
        D5,
        displays.telephone(PHONE, "c0ffee00-1111-4222-8333-444455556666", external='{"username":"+15551230000"}'),
        Display(
            PHONE,
            external='{"username":"+15551230000"}',
            telephony=True,
            stream=StreamInfo("c0ffee00-1111-4222-8333-444455556666", "audiobridge", True, False),
        ),
        id="D5",
    ),
]


@pytest.mark.parametrize(("text", "made", "expected"), SAMPLES)
def test_samples_of_the_reference_decode_and_are_made_byte_for_byte(
    text: str, made: Display, expected: Display
) -> None:
    assert decode(text) == expected
    assert made == expected
    assert encode(expected) == text


# Text as JavaScript has it: any code unit, half surrogate pairs included.
_TEXT = st.text(st.characters(codec=None), max_size=60)
_STREAMS = st.builds(StreamInfo, id=_TEXT, key=_TEXT, audio_enabled=st.booleans(), video_enabled=st.booleans())


@given(
    st.builds(
        Display,
        participant_id=_TEXT.filter(bool),
        external=st.none() | _TEXT,
        can_receive_messages=st.none() | st.booleans(),
        telephony=st.booleans(),
        stream=st.none() | _STREAMS,
    )
)
def test_any_display_survives_the_round_trip(display: Display) -> None:
    assert decode(encode(display)) == display


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_garbage_is_refused_with_a_display_error_and_nothing_else(raw: bytes) -> None:
    for text in (raw.decode("latin-1"), base64.b64encode(raw).decode()):
        try:
            decode(text)
        except DisplayError:
            continue


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("participantId", "external", "canReceiveMessages", "telephonyEngineParticipant", "stream"), _JSON
        ),
    )
)
def test_json_of_any_shape_is_decoded_or_refused(fields: dict[str, object]) -> None:
    try:
        found = decode(_encoded(fields))
    except DisplayError:
        return
    assert found.participant_id == fields["participantId"]


def _encoded(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def test_a_large_context_survives_unchanged() -> None:
    context = "{" + "é😀" * 8000 + "}"
    assert decode(encode(displays.participant(ALICE, external=context))).external == context


def test_can_receive_messages_counts_only_as_a_strict_true() -> None:
    assert decode(_encoded({"participantId": ALICE, "canReceiveMessages": 1})).can_receive_messages is False


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("_-_-", "expected padded standard base64"),
        (D2.rstrip("="), "expected padded standard base64"),
        (base64.b64encode(b"\xff\xfe").decode(), "expected UTF-8"),
        (base64.b64encode(b"{").decode(), "expected JSON"),
        (_encoded([]), "expected a JSON object"),
        (_encoded({}), "participantId: expected a non-empty string, got None"),
        (_encoded({"participantId": ALICE, "external": {}}), "external: expected a string"),
        (_encoded({"participantId": ALICE, "stream": []}), "stream: expected an object"),
        (_encoded({"participantId": ALICE, "stream": {"key": "self"}}), "stream.id: expected a string, got None"),
        (
            _encoded({"participantId": ALICE, "stream": {"id": "s", "key": "k", "isAudioEnabled": 1}}),
            "stream.isAudioEnabled: expected a boolean, got 1",
        ),
        ("A" * (MAX_DISPLAY_CHARS + 4), "expected at most"),
        (base64.b64encode(b"[" * 100_000).decode(), "expected JSON"),
    ],
)
def test_what_is_wrong_is_said(text: str, complaint: str) -> None:
    with pytest.raises(DisplayError, match=complaint.replace(".", r"\.")):
        decode(text)
