"""The audit trail: recomputed from the rows, listed, and exported."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

from canonical_models import seal
from canonical_models.audit import AuditEntry, Break, Verification, Waiting
from operations.context import AppContext
from operations.errors import Invalid
from operations.paging import Page, cursor, cut, number
from persistence import seals
from persistence.sealed import Row
from persistence.seals import ALL, Seal, Which

__all__ = ["Which", "export", "list_", "verify"]

#: Beyond every number of a seal.
_ENDLESS = 2**63 - 1
_HEAD = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")


class _Found:
    """Counts what does not hold, and keeps the first."""

    def __init__(self) -> None:
        self.broken, self.first = 0, None

    first: Break | None

    def add(self, found: Break) -> None:
        self.broken += 1
        self.first = self.first or found


async def verify(context: AppContext, tenant: str, *, head: str | None = None) -> Verification:
    """Recompute the chain from the rows; a batch at a time, whatever its length. `head` is what an
    earlier one ended with, kept where nobody who can write to the database can: the chain has to
    lead through it. Raises Invalid."""
    noted = _noted(head)
    found, last, before = _Found(), 0, seal.GENESIS
    sealed = erased = superseded = 0
    while True:
        async with context.database.transaction() as conn:
            batch = await seals.read(conn, tenant, after=last)
        for one, row in batch:
            if (what := _misplaced(one, last, before, noted)) is not None:
                found.add(_break(one, row, what))
            elif row is None:
                found.add(_break(one, row, "the row is gone"))
            elif (what := seals.wrong(one, row)) is not None:
                found.add(_break(one, row, what))
            else:
                superseded += seals.superseded(one, row)
                erased += seals.gone(one, row)
            sealed, last, before = sealed + 1, one.number, one.link
        if len(batch) < seals.ROWS:
            break
    if noted is not None and last < noted[0]:
        found.add(_lost(f"seal {noted[0]}", f"the chain ends at {last}, before the head noted"))
    async with context.database.transaction() as conn:
        bare = await seals.unsealed(conn, tenant)
    for of in bare:
        if of.lost is not None:
            what = f"{of.rows - of.waiting} rows have no seal and do not wait for one"
            found.add(_lost(of.lost, what, of.source))
    return Verification(
        tenant=tenant,
        sealed=sealed,
        head=f"{last}:{before.hex()}",
        erased=erased,
        superseded=superseded,
        unsealed=tuple(
            Waiting(source=of.source, rows=of.waiting, oldest=of.oldest)
            for of in bare
            if of.waiting
        ),
        broken=found.broken,
        first=found.first,
    )


def _misplaced(one: Seal, last: int, before: bytes, noted: tuple[int, str] | None) -> str | None:
    """What is wrong with the link itself, in words."""
    if one.number != last + 1:
        return f"seals {last + 1} to {one.number - 1} are missing before it"
    if one.linked(before) != one.link:
        return "the seal itself is not what was written, or not in its place"
    if noted is not None and one.number == noted[0] and one.link.hex() != noted[1]:
        return "it is not the seal whose link was noted"
    return None


def _noted(head: str | None) -> tuple[int, str] | None:
    if head is None:
        return None
    read = _HEAD.fullmatch(head)
    if read is None:
        raise Invalid(
            "the head is not what a verification ends with",
            remedy="give it as it was said: a number, a colon, and 64 hexadecimal digits",
        )
    return int(read[1]), read[2]


def _break(one: Seal, row: Row | None, what: str) -> Break:
    return Break(
        number=one.number,
        source=one.source,
        place=one.place,
        object=_object(one, row),
        at=one.at,
        what=what,
    )


def _lost(place: str, what: str, source: str = "seals") -> Break:
    return Break(number=None, source=source, place=place, object=place, at=None, what=what)


async def list_(
    context: AppContext,
    tenant: str,
    which: Which = ALL,
    *,
    after: str | None = None,
    limit: int = 50,
) -> Page[AuditEntry]:
    """The newest first. Raises Invalid."""
    position = number(after)
    async with context.database.transaction() as conn:
        before = _ENDLESS if position is None else position
        found = await seals.read(conn, tenant, which, before=before, limit=limit + 1)
    page, more = cut(tuple(_entry(one, row) for one, row in found), limit)
    return Page(items=page, next=cursor(page[-1].number) if more else None)


async def export(context: AppContext, tenant: str, which: Which = ALL) -> AsyncIterator[AuditEntry]:
    """All of it, the oldest first, a batch at a time."""
    last = 0
    while True:
        async with context.database.transaction() as conn:
            batch = await seals.read(conn, tenant, which, after=last)
        for one, row in batch:
            yield _entry(one, row)
            last = one.number
        if len(batch) < seals.ROWS:
            return


def _entry(one: Seal, row: Row | None) -> AuditEntry:
    said = _nothing(one) if row is None else _said(one, row)
    return AuditEntry(
        number=one.number,
        at=one.at,
        sealed_at=one.sealed_at,
        source=one.source,
        object=_object(one, row),
        objects=tuple(one.objects),
        erased=row is None or seals.gone(one, row),
        digest=one.digest.hex(),
        link=one.link.hex(),
        **said,
    )


def _object(one: Seal, row: Row | None) -> str:
    """The business object that a person looks for."""
    match one.source:
        case "decisions" if row is not None:
            return str(row["target_id"])
        case "effects" if row is not None:
            return str(row["vendor_reference"] or row["key"])
        case _:
            return one.objects[0] if one.objects else one.place


def _nothing(one: Seal) -> dict[str, Any]:
    return {
        "who": "unknown",
        "origin": None,
        "action": f"{one.source} {one.part}".strip(),
        "before": None,
        "after": None,
        "reason": None,
    }


def _said(one: Seal, row: Row) -> dict[str, Any]:
    """Who did what, from where, and what became of it."""
    match one.source:
        case "decisions" if one.part == "outcome":
            said = (row["decided_by"], _door(row), f"{row['action']}: {row['outcome']}")
            return _words(*said)
        case "decisions":
            return _words(
                row["decided_by"],
                _door(row),
                row["action"],
                before=row["before"],
                after=row["after"],
                reason=row["reason"] or None,
            )
        case "closes":
            action = f"close {row['about']} as version {row['version']}"
            return _words(row["closed_by"], None, action, after=_report(row["report"]))
        case "approved_plans":
            return _words(row["approved_by"], None, "approve plan", after=row["plan"])
        case "effects" if one.part.startswith("compensated"):
            who = row["closed_by"] or "trueup"
            undone = {"reference": row["undo_reference"], "result": row["undo_result"]}
            action = f"undo: {row['operation']}"
            return _words(who, row["change_id"], action, before=_made(row), after=undone)
        case "effects":
            after = None if seals.superseded(one, row) else _made(row)
            return _words("trueup", row["change_id"], row["operation"], after=after)
        case "outbox":
            event = row["event"] or {}
            data = event.get("data", {})
            return _words(
                str(data.get("by") or "trueup"),
                data.get("change_id"),
                row["type"],
                after=data or None,
                reason=row["reason"],
            )
        case _:
            return _words(row["connection"], "webhook", row["event_type"])


def _words(
    who: str,
    origin: str | None,
    action: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str | None = None,
) -> dict[str, Any]:
    return {
        "who": who,
        "origin": origin,
        "action": action,
        "before": before,
        "after": after,
        "reason": reason,
    }


def _door(row: Row) -> str:
    return " ".join(filter(None, (row["door"], row["address"])))


def _report(sealed: str) -> dict[str, Any] | None:
    """None where it is no report any more: that it was changed is what verifying finds."""
    try:
        said = json.loads(sealed)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _made(row: Row) -> dict[str, Any]:
    return {"reference": row["vendor_reference"], "result": row["result"]}
