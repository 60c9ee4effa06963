"""Whether the effect ledger tells the truth about what stands in the other systems."""

from collections.abc import Iterator

from sandbox.demo.systems import Row
from tests.fire.seen import Seen
from tests.fire.violation import Violation
from tests.harness.erp_documents import Document

_BOOKED = ("posted", "paid", "cancelled")
#: Somebody would have to come back to it.
_UNFINISHED = ("attempting", "uncertain", "compensating")


def ledger_keeps_its_word(seen: Seen) -> Iterator[Violation]:
    """No row says gone while it lives, confirmed while it is gone, or under way at rest."""
    waiting = {one["id"] for one in seen.changes if one["state"] == "waiting"}
    for row in seen.effects:
        name = f"ledger: {row['key']} of change {row['change_id']} is {row['state']}"
        if row["state"] in _UNFINISHED and row["change_id"] not in waiting:
            yield Violation(f"{name} at rest: {row['error']}", row["customer_id"])
        elif wrong := _wrong(row, seen):
            yield Violation(f"{name}, and {wrong}", row["customer_id"])


def _wrong(row: Row, seen: Seen) -> str | None:
    """What does not fit to it."""
    kind, _, of = row["key"].partition(":")
    if kind == "document" and row["state"] in ("compensated", "planned", "rejected"):
        return _lives(of.partition("/")[2], seen)
    if row["state"] != "confirmed":
        return None
    result = row["result"] or {}
    match kind:
        case "document":
            return _booked(result, seen)
        case "settlement":
            entry = result.get("entry_id")
            posted = any(
                str(move["id"]) == str(entry) and move["state"] == "posted" for move in seen.moves
            )
            return None if posted else f"the ERP has no posted move {entry}"
        case "party":
            code = of.rpartition("/")[2]
            known = any(one["code"] == code for one in seen.parties)
            return None if known else f"the ERP has no party {code}"
        case _:
            key = result.get("organization_id")
            known = key is None or any(str(one["id"]) == str(key) for one in seen.organizations)
            return None if known else f"support has no organisation {key}"


def _booked(result: Row, seen: Seen) -> str | None:
    key = str(result.get("document_id"))
    paper = next((paper for paper in seen.papers if str(paper.id) == key), None)
    if paper is None or paper.state not in _BOOKED:
        return f"the ERP has no posted document {key}"
    if paper.number != result.get("number"):
        return f"it says {result.get('number')} where the ERP says {paper.number}"
    return None


def _lives(external_id: str, seen: Seen) -> str | None:
    corrected = {one for paper in seen.papers for one in paper.corrects}
    live = [
        paper.number or str(paper.id)
        for paper in seen.papers
        if _is(paper, external_id, seen)
        and paper.state in ("posted", "paid")
        and paper.id not in corrected
    ]
    return f"it stands in the ERP as {', '.join(live)}" if live else None


def _is(paper: Document, external_id: str, seen: Seen) -> bool:
    said = paper.reference or ""
    return seen.external_ids.get(paper.id) == external_id or said.endswith(f"({external_id})")
