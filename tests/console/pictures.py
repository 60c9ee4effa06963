"""Pictures of pages, made small: a PNG of 256 colours, which pages rarely have more of."""

import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_COLOURS = 256

Row = bytearray


def shrink(path: Path) -> None:
    """In place. Source: PNG, third edition, 2025, chapters 7, 9 and 11."""
    width, height, depth, rows = _read(path.read_bytes())
    pixels = [[bytes(row[at : at + 3]) for at in range(0, len(row), depth)] for row in rows]
    palette, places = _palette(Counter(pixel for row in pixels for pixel in row))
    lines = b"".join(b"\0" + bytes(places[pixel] for pixel in row) for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = (
        (b"IHDR", head),
        (b"PLTE", palette),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    )
    path.write_bytes(SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks))


def _palette(counted: Counter[bytes]) -> tuple[bytes, dict[bytes, int]]:
    """Its colours, and which of them stands for each that there is: of those that differ only a
    little the one that there is most of."""
    for bits in range(8):
        mask = 0xFF << bits & 0xFF
        kinds: dict[bytes, bytes] = {}
        for colour, _ in counted.most_common():
            kinds.setdefault(bytes(part & mask for part in colour), colour)
        if len(kinds) <= MOST_COLOURS:
            break
    place = {kind: number for number, kind in enumerate(kinds)}
    places = {colour: place[bytes(part & mask for part in colour)] for colour in counted}
    return b"".join(kinds.values()), places


def _read(data: bytes) -> tuple[int, int, int, list[Row]]:
    """Width, height, bytes of a pixel, and the rows."""
    chunks = list(_chunks(data))
    width, height, bits, colour, *_, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    depth = {2: 3, 6: 4}[colour]
    assert (bits, interlaced) == (8, 0)
    raw = zlib.decompress(b"".join(part for kind, part in chunks if kind == b"IDAT"))
    rows: list[Row] = []
    before, size = Row(width * depth), width * depth
    for at in range(0, len(raw), size + 1):
        before = _unfiltered(raw[at], Row(raw[at + 1 : at + 1 + size]), before, depth)
        rows.append(before)
    return width, height, depth, rows


def _unfiltered(kind: int, row: Row, above: Row, depth: int) -> Row:
    for at in range(len(row)):
        left = row[at - depth] if at >= depth else 0
        match kind:
            case 0:
                return row
            case 1:
                by = left
            case 2:
                by = above[at]
            case 3:
                by = (left + above[at]) // 2
            case _:
                by = _nearest(left, above[at], above[at - depth] if at >= depth else 0)
        row[at] = (row[at] + by) & 0xFF
    return row


def _nearest(left: int, above: int, beyond: int) -> int:
    """Paeth's."""
    guess = left + above - beyond
    return min((left, above, beyond), key=lambda each: abs(guess - each))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + 8 + size]
        at += size + 12


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
