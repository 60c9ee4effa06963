"""How wide the columns of a table are, so that a row is one line."""

from collections.abc import Sequence

#: Between two columns.
GAP = 2
#: Words are cut to no fewer characters.
_LEAST = 12


def fitted(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Of the columns that fit, from the left; the first row holds their names.

    Sentences are cut, down to `_LEAST` characters; ids, times and amounts, of a word or two, have
    room for the longest. Where even that is too much, the last columns have none.
    """
    columns = list(zip(*rows, strict=True))
    widest = [max(map(len, column)) for column in columns]
    least = [
        wide if all(cell.count(" ") < 2 for cell in column[1:]) else min(wide, _LEAST)
        for column, wide in zip(columns, widest, strict=True)
    ]
    shown = 1
    while shown < len(columns) and _together(least[: shown + 1]) <= width:
        shown += 1
    spare = width - _together(least[:shown])
    made = []
    for small, wide in zip(least[:shown], widest, strict=False):
        more = max(0, min(spare, wide - small))
        spare -= more
        made.append(small + more)
    return made


def _together(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)
