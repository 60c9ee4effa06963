"""Tables as files, for spreadsheets: what one would take for a formula goes down as text, and comes
up as the text that it was."""

import csv
import io
from collections.abc import Iterable, Sequence

#: What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
#: Said before it, it is text.
_TEXT = "'"


class Unreadable(Exception):
    """What was given is no table; says why."""


class Formula(Exception):
    """A cell is one."""


def row(values: Iterable[object]) -> str:
    """One line of CSV, every cell quoted."""
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL).writerow([down(value) for value in values])
    return written.getvalue()


def down(value: object) -> str:
    """As text, whatever a spreadsheet would make of it."""
    text = "" if value is None else str(value)
    return f"{_TEXT}{text}" if text.startswith(_FORMULA) else text


def up(cell: str) -> str:
    """What went down so. Raises Formula for what a spreadsheet would have computed."""
    said = cell.strip(" ")
    if said.startswith(_TEXT) and said[1:].startswith(_FORMULA):
        return said[1:].strip()
    if said.startswith(_FORMULA):
        raise Formula(said)
    return said.strip()


def read(text: str, columns: Sequence[str], *, most: int) -> list[tuple[int, dict[str, str]]]:
    """The lines of a file or paste with their numbers, by the names of its first line, or, where
    that names none of ours, in the order of `columns`. Cells are as they stand. Raises
    Unreadable."""
    body = text.strip("\ufeff\r\n")
    if not body.strip() or "\0" in body:
        raise Unreadable("there is nothing in it" if "\0" not in body else "it is no text")
    lines = _lines(body)
    named = columns[0] in [cell.strip() for cell in lines[0][1]]
    names = [cell.strip() for cell in lines[0][1]] if named else columns
    found = lines[1:] if named else lines
    for number, cells in found:
        if len(cells) > len(names):
            raise Unreadable(f"line {number} has more cells than there are columns")
    if not found:
        raise Unreadable("it has no row")
    if len(found) > most:
        raise Unreadable(f"it has more than {most} rows: give them in several parts")
    return [(number, dict(zip(names, cells, strict=False))) for number, cells in found]


def _lines(body: str) -> list[tuple[int, list[str]]]:
    """Those that have something in them. The sign between cells is what the first line has."""
    first = body.splitlines()[0]
    sign = next((sign for sign in "\t;," if sign in first), ",")
    reader = csv.reader(io.StringIO(body), delimiter=sign)
    try:
        return [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as fault:
        raise Unreadable(f"line {reader.line_num} is not written as tables are ({fault})") from None
