"""What a test card says and where its cells are: the part that writer and reader share.

A card is a grid of 32 x 6 black and white cells, read row by row, white is 1, most significant bit first:

    row 0    version (8)   participant id, first 24 bits
    row 1-3  participant id
    row 4    participant id, last 8 bits   key hash (16)   frame number, high 8 bits
    row 5    frame number, low 16 bits     CRC-16 over everything before it

The frame number is Gray-coded and stands last before the CRC, so one bit of it changes from frame to frame. A CRC is
linear, so the change of that bit adds a fixed pattern to the CRC: the polynomial itself, which has three
ones, for the lowest bit. A running card therefore changes four cells per frame and all of them are in the
last row. A frame in which only some of them arrived differs from a valid card in one to three bits, which
CRC-16/CCITT always detects at this length.

Places are relative to the picture: it is 40 x 22.5 units large, a cell is one unit (8 pixels at 320x180, on the
transform grid of VP8 and H.264), the grid starts at (4, 15), and one unit around it is black.
`probe.js` holds the same numbers.
"""

from collections.abc import Iterable
from uuid import UUID

from emulator.probes.errors import CardError

CARD_VERSION = 0xA1
"""The first byte: a pattern (high half) and the version of this format (low half). Has both colours in it."""

COLUMNS, ROWS = 32, 6
CELLS = COLUMNS * ROWS
FRAME_NUMBERS = 1 << 24
"""Frame numbers count modulo this."""

UNITS_WIDE, UNITS_HIGH = 40.0, 22.5
GRID_LEFT, GRID_TOP = 4, 15

FLASH_UNITS = 1.5
"""How high the bar at the top is that a card may flash with: above its dots and letters. Else it is the background."""
FLASH_LUMA = 160
"""The bar is white (235) above this, else the background (82)."""

WHITE, BLACK = 235, 16
"""Luma of the cells, the limits of video range (ITU-R BT.601)."""

KNOWN_KEYS = ("self", "presentation")
"""The stream keys a reader looks for unless told otherwise."""


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF, nothing reflected. `crc16(b"123456789") == 0x29B1`."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = ((crc << 1) ^ 0x1021) & 0xFFFF if crc & 0x8000 else crc << 1
    return crc


def key_hash(key: str) -> int:
    """The 16 bits by which a card names its stream key."""
    return crc16(key.encode())


def resolve_key(value: int, keys: Iterable[str]) -> str:
    """The one of `keys` that has this hash, else (none has, or several have) `#` and the hash in hexadecimal."""
    matches = {key for key in keys if key_hash(key) == value}
    return matches.pop() if len(matches) == 1 else f"#{value:04x}"


def encode_card(participant: UUID, key: str, frame_number: int) -> bytes:
    """The 24 bytes a card shows. `frame_number` counts modulo 2**24."""
    frame = frame_number % FRAME_NUMBERS
    gray = frame ^ (frame >> 1)
    body = bytes([CARD_VERSION]) + participant.bytes + key_hash(key).to_bytes(2) + gray.to_bytes(3)
    return body + crc16(body).to_bytes(2)


def decode_card(data: bytes) -> tuple[UUID, int, int] | None:
    """Participant, key hash and frame number of 24 bytes; `None` unless version and CRC are right.

    Raises CardError when there are not 24 bytes.
    """
    if len(data) != CELLS // 8:
        raise CardError(f"a card is {CELLS // 8} bytes, got {len(data)}")
    if data[0] != CARD_VERSION or crc16(data[:-2]) != int.from_bytes(data[-2:]):
        return None
    frame = int.from_bytes(data[19:22])
    for shift in (1, 2, 4, 8, 16):
        frame ^= frame >> shift
    return UUID(bytes=data[1:17]), int.from_bytes(data[17:19]), frame


def participant_uuid(participant_id: str | UUID) -> UUID:
    """The id as a UUID; raises CardError when it is not one."""
    if isinstance(participant_id, UUID):
        return participant_id
    try:
        return UUID(participant_id)
    except ValueError as error:
        raise CardError(f"a card's participant id must be a UUID, got {participant_id!r}") from error
