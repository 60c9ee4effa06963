"""Pictures for the documentation stay what they show when they are made small."""

import struct
import zlib
from pathlib import Path

import pytest

from tests.console import pictures

WIDTH, HEIGHT = 40, 12


def drawn(path: Path, colours: list[bytes], filters: list[int]) -> list[bytes]:
    """A picture whose rows are filtered in turn as PNG knows it; its pixels."""
    pixels = [colours[at % len(colours)] for at in range(WIDTH * HEIGHT)]
    rows = [b"".join(pixels[at : at + WIDTH]) for at in range(0, len(pixels), WIDTH)]
    sent, above = b"", bytes(WIDTH * 3)
    for number, row in enumerate(rows):
        kind = filters[number % len(filters)]
        sent += bytes([kind]) + _filtered(kind, row, above)
        above = row
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(sent)), (b"IEND", b""))
    path.write_bytes(pictures.SIGNATURE + b"".join(pictures._chunk(*part) for part in parts))
    return pixels


def _filtered(kind: int, row: bytes, above: bytes) -> bytes:
    """The other way round from how the product's reader takes them off."""
    left, beyond = bytes(3) + row[:-3], bytes(3) + above[:-3]
    paeth = [
        min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
        for a, b, c in zip(left, above, beyond, strict=True)
    ]
    mean = [(a + b) // 2 for a, b in zip(left, above, strict=True)]
    by = (bytes(len(row)), left, above, mean, paeth)[kind]
    return bytes((it - less) % 256 for it, less in zip(row, by, strict=True))


def shown(path: Path) -> list[bytes]:
    chunks = dict(pictures._chunks(path.read_bytes()))
    palette, lines = chunks[b"PLTE"], zlib.decompress(chunks[b"IDAT"])
    places = [
        each for at in range(0, len(lines), WIDTH + 1) for each in lines[at + 1 : at + 1 + WIDTH]
    ]
    return [palette[3 * place : 3 * place + 3] for place in places]


@pytest.mark.parametrize("kind", range(5))
def test_up_to_256_colours_nothing_is_lost(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "picture.png"
    colours = [bytes((at, 255 - at, at * 7 % 256)) for at in range(256)]
    assert shown_after(path, drawn(path, colours, [kind, 0]))


def shown_after(path: Path, pixels: list[bytes]) -> bool:
    pictures.shrink(path)
    return shown(path) == pixels


def test_of_more_each_is_told_by_one_that_is_close(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    colours = [bytes((at % 256, at // 2 % 256, 90)) for at in range(470)]
    before = drawn(path, colours, [4])
    pictures.shrink(path)
    after = shown(path)
    assert len(set(after)) <= pictures.MOST_COLOURS
    pairs = zip(before, after, strict=True)
    assert all(abs(a - b) < 16 for was, now in pairs for a, b in zip(was, now, strict=True))
