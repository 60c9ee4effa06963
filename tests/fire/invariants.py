"""What must be true while nothing is under way, whatever was killed and refused before.

Each violation is a line that names who and what. What systems hold is read from them
(tests/fire/seen.py); only whom a question waits for is read from Trueup.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from canonical_models.amendment import account_subject
from sandbox.demo.systems import Billing, Row
from sandbox.erp.instance import ErpInstance
from tests.fire.access import billed, expected
from tests.fire.ledgered import ledger_keeps_its_word
from tests.fire.people import NOBODY, People
from tests.fire.seen import Seen, look
from tests.fire.violation import Violation
from tests.harness.both_sides import ZERO, Issued, Sides, beside, even
from tests.harness.buyers import Buyer, Shop, major
from tests.harness.erp_documents import Document

#: Customers whose sides are read at a time.
_AT_ONCE = 8
_UNBILLED = "not billed yet: "
_OWNERS = ("finance", "support", "operations")


@dataclass
class Report:
    """`doubtful` counts customers whose access may be so or so by billing's own words."""

    violations: list[Violation] = field(default_factory=list)
    doubtful: int = 0
    excused: int = 0


async def inspect(
    erp: ErpInstance,
    shop: Shop,
    buyers: Sequence[Buyer],
    people: People = NOBODY,
    *,
    everybody: bool = True,
) -> Report:
    """Whether all of it holds for these buyers; `everybody`: for whatever else is there, too."""
    world = shop.front.world
    customers = None if everybody else {buyer.customer for buyer in buyers}
    seen = await look(world, erp, customers)
    report = Report()
    said = report.violations
    said += of_all(seen)
    said += await sync_metadata(world.billing, seen)
    names = {key: name.partition(" of ")[0] for name, key in shop.products.items()}
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(buyer: Buyer) -> list[str]:
        async with slots:
            books = await _books(erp, buyer, seen, people, report)
            return books + await _access(buyer, seen, names, people, report)

    for buyer, found in zip(buyers, await asyncio.gather(*map(one, buyers)), strict=True):
        said += [Violation(text, buyer.customer) for text in found]
    if everybody:
        try:
            await even(erp)
        except AssertionError as uneven:
            said.append(Violation(f"ERP: books are not even: {uneven}"))
    return report


def of_all(seen: Seen) -> list[Violation]:
    """What can be told without asking billing for more."""
    checks = (_one_effect_each, _nothing_left_over, _at_rest, _kept, ledger_keeps_its_word)
    return [violation for check in checks for violation in check(seen)]


def _one_effect_each(seen: Seen) -> Iterator[Violation]:
    """No business object twice."""
    final = [paper for paper in seen.papers if paper.state not in ("draft", "cancelled")]
    yield from _twice(
        "ERP: document",
        [
            (_paper_key(one), f"{one.number} (id {one.id})", one.raw["party."]["code"])
            for one in final
        ],
    )
    undone = {move["origin"] for move in seen.moves if move["state"] == "posted"}
    yield from _twice(
        "ERP: movement",
        [
            (reference, f"move {move['number']}", None)
            for move in seen.moves
            if move["state"] == "posted"
            and move["origin"] is None
            and f"account.move,{move['id']}" not in undone
            and (reference := _reference(move))
        ],
    )
    yield from _twice(
        "ERP: party",
        [
            (one["name"], one["code"], one["code"])
            for one in seen.parties
            if (one["name"] or "").startswith("Buyer ")
        ],
    )
    yield from _twice(
        "support: organisation",
        [
            (one["external_id"], str(one["id"]), one["external_id"])
            for one in seen.organizations
            if one["external_id"]
        ],
    )
    yield from _twice(
        "ERP: draft of",
        [
            (one.reference, f"id {one.id}", one.raw["party."]["code"])
            for one in seen.papers
            if _is_unbilled(one)
        ],
    )


def _twice(what: str, found: list[tuple[object, str, str | None]]) -> Iterator[Violation]:
    """Of (business key, what it is called there, whose it is)."""
    by_key: dict[object, list[tuple[str, str | None]]] = defaultdict(list)
    for key, name, customer in found:
        by_key[key].append((name, customer))
    for key, ones in by_key.items():
        if len(ones) > 1:
            names = ", ".join(name for name, _ in ones)
            yield Violation(f"{what} {key} is there {len(ones)} times: {names}", ones[0][1])


def _nothing_left_over(seen: Seen) -> Iterator[Violation]:
    for paper in seen.papers:
        if paper.state in ("draft", "validated") and not _is_unbilled(paper):
            yield Violation(
                f"ERP: document {paper.reference} (id {paper.id}) is left over as {paper.state}",
                paper.raw["party."]["code"],
            )
    for move in seen.moves:
        if move["state"] == "draft" and move["origin"] is None and _reference(move):
            yield Violation(
                f"ERP: movement {_reference(move)} (id {move['id']}) is left over as a draft"
            )


def _at_rest(seen: Seen) -> Iterator[Violation]:
    """Nothing is open without an owner."""
    asked = [one for one in seen.questions if one["state"] == "open"]
    waits = {one["change_id"] for one in asked}
    held_up = {one["subject"] for one in seen.changes if one["state"] == "waiting" or one["held"]}
    held_up |= {one["belongs_to"] for one in asked if one["code"] == "saga_lost"}
    for change in seen.changes:
        wrong = None
        match change["state"]:
            case "starting" | "running":
                wrong = f"is {change['state']} at rest"
            case "waiting" if change["id"] not in waits:
                wrong = f"waits and nobody is asked: {change['summary']}"
            case "pending" if change["subject"] not in held_up:
                wrong = "is pending and nothing is before it"
            case _:
                pass
        if wrong is not None:
            name = f"change {change['id']} ({change['kind']}) of {change['subject']}"
            yield Violation(f"{name} {wrong}", change["customer_id"])
    for question in asked:
        if question["owner"] not in _OWNERS or question["due_at"] is None:
            yield Violation(
                f"question {question['id']} ({question['code']}) has no owner or no time",
                question["customer_id"],
            )


def _kept(seen: Seen) -> Iterator[Violation]:
    """What billing was told is taken is there, once, and was read."""
    for delivery in seen.deliveries:
        name = f"event {delivery['event']} ({delivery['type']})"
        if delivery["state"] == "delivered" and delivery["event"] not in seen.inbox:
            yield Violation(f"inbox: {name} was acknowledged and is not there")
        if delivery["state"] == "failed":
            yield Violation(f"billing: {name} was given up: {delivery['last_status']}")
    for event, status in seen.inbox.items():
        if status in ("received", "dead_lettered"):
            yield Violation(f"inbox: event {event} is {status} at rest")


async def sync_metadata(billing: Billing, seen: Seen) -> list[Violation]:
    """What the newest write to a subscription's sync metadata says it left there is there."""
    newest: dict[str, Row] = {}
    found = []
    for row in seen.effects:
        # What is no set, such as a debt that is cancelled, is looked at in the books.
        if row["writes_set"] is None or row["system"] != "billing" or row["state"] != "confirmed":
            continue
        match row["writes_set"].partition(":")[0]:
            case "sync":
                known = newest.get(row["subject"])
                if known is None or known["confirmed_at"] < row["confirmed_at"]:
                    newest[row["subject"]] = row
            case "erp_status":
                # The books are compared document by document.
                pass
            case other:
                # Or a set that is named anew is looked at by nobody, in silence.
                wrong = f"ledger: {row['key']} writes {other!r} to billing, which nobody looks at"
                found.append(Violation(wrong, row["customer_id"]))
    for subject, row in newest.items():
        shown = (await billing.read(f"subscriptions/{subject}"))["metadata"]
        said = (row["result"] or {}).get("state")
        if shown.get("trueup_state") != said:
            wrong = f"billing: {subject} shows {shown.get('trueup_state')}, written was {said}"
            found.append(Violation(wrong, row["customer_id"]))
    return found


async def _books(
    erp: ErpInstance, buyer: Buyer, seen: Seen, people: People, report: Report
) -> list[str]:
    owed = seen.owed.get((buyer.party, buyer.entity), ZERO)
    sides = await beside(erp, buyer, seen.of_party(buyer.party), owed)
    # What a process beside the changes asks, as of a debt, holds no document up.
    asked = {
        one["belongs_to"]: one["track"]
        for one in seen.questions
        if one["state"] == "open" and one["customer_id"] == buyer.customer
        if one["workflow_id"] is None and one["track"] != "access"
    }
    listed = {
        one["key"]: one
        for one in seen.differences
        if one["about"] == "document" and one["customer_id"] == buyer.customer
    }
    found, excused = [], 0
    for issued, text in sides.of_documents():
        known = listed.get(issued.key) if issued else None
        if issued and _has_a_reason(issued, known, asked, people, sides):
            excused += 1
            continue
        cause = f" [{known['cause']}: {known['sentence']}]" if known else ""
        found.append(f"books: {text}{cause}")
    # What is open about one document shows in the sum as well.
    if not excused and not asked:
        kept_out = _balance_kept_out(buyer, seen.differences, people)
        excused += kept_out != 0
        found += [
            f"books: {text}"
            for text in sides.in_total(kept_out)
            if not (text.startswith(_UNBILLED) and _may_be_unshown(sides, seen, people))
        ]
    report.excused += excused
    return found


def _balance_kept_out(buyer: Buyer, differences: Sequence[Row], people: People) -> Decimal:
    """What `trueup differences` lists of the customer's balance, where a person has taken back the
    change of the account that would have entered it."""
    if account_subject(buyer.customer) not in people.took_back:
        return ZERO
    listed = [
        one
        for one in differences
        if one["about"] == "balance" and one["customer_id"] == buyer.customer
        if one["owner"] in _OWNERS
    ]
    return sum((major(one["difference"]["minor"], buyer.currency) for one in listed), ZERO)


def _may_be_unshown(sides: Sides, seen: Seen, people: People) -> bool:
    """Of what is not billed yet: a person has taken back the change that would have shown it, or is
    asked for the item of one of its lines, whichever track waits for that. What is shown all the
    same has to be right."""
    unmapped = any(
        one["code"] == "item_unmapped" and one["state"] == "open"
        for one in seen.questions
        if one["customer_id"] == sides.buyer.customer
    )
    return not sides.drafts and (unmapped or _took_back(sides.buyer, seen, people))


def _took_back(buyer: Buyer, seen: Seen, people: People) -> bool:
    subjects = {one["subject"] for one in seen.changes if one["customer_id"] == buyer.customer}
    return bool(subjects & people.took_back)


def _has_a_reason(
    issued: Issued, known: Row | None, asked: Mapping[str, str], people: People, sides: Sides
) -> bool:
    """Whether an open question of its subject says so, or a person has decided it. `known` is what
    `trueup differences` says, `asked` the track of each subject's question."""
    subject = subject_of(issued, sides)
    if known is None:
        # Where no plan could be made, nobody knows yet of what billing has issued.
        return issued.number not in sides.papers and asked.get(subject) == "process"
    if known["owner"] not in _OWNERS:
        return False
    if known["by"]:
        paper = sides.papers.get(issued.number)
        live = paper is not None and paper.state in ("posted", "paid")
        names = (issued.number, f"{issued.key}/")
        undone = [one for one in sides.counter if (one.reference or "").startswith(names)]
        # What had been paid of it, or paid out of a credit note, and no more, stands on the account
        # as what takes it back.
        least, most = sorted((Decimal(0), issued.open - issued.gross))
        on_account = all(least <= one.open <= most for one in undone)
        return (not live or bool(undone)) and on_account
    return subject in (asked if known["exception_id"] else people.took_back)


def subject_of(issued: Issued, sides: Sides) -> str:
    """Whose changes a document belongs to."""
    raw = issued.raw
    if raw["object"] == "credit_note":
        about = next((one for one in sides.issued if one.key == raw["invoice"]), None)
        return account_subject(sides.buyer.customer) if about is None else subject_of(about, sides)
    details = (raw["parent"] or {}).get("subscription_details") or {}
    return details.get("subscription") or account_subject(sides.buyer.customer)


async def _access(
    buyer: Buyer,
    seen: Seen,
    names: Mapping[str, str],
    people: People,
    report: Report,
) -> list[str]:
    customer = buyer.customer
    asked = {
        one["belongs_to"]
        for one in seen.questions
        if one["state"] == "open"
        and one["track"] != "books"
        and one["customer_id"] == customer
        # What finance is asked about a debt holds no access up.
        and one["code"] != "payment_overdue"
    }
    if _took_back(buyer, seen, people) or asked:
        report.excused += 1
        return []
    wanted = expected(await billed(buyer, seen), names, people)
    report.doubtful += not wanted.certain
    told = (seen.told.get(customer) or {}).get("features", [])
    held = Counter({one["feature"]: one["quantity"] for one in told})
    found = []
    if wanted.refuses(held):
        found.append(
            f"access: the target holds {dict(held)}, billing says {wanted.least}"
            + ("" if wanted.certain else f" to {wanted.most}")
        )
    shown = next((one for one in seen.organizations if one["external_id"] == customer), None)
    tier = (shown or {}).get("organization_fields", {}).get("trueup_support_tier") or None
    if tier not in wanted.tiers:
        found.append(
            f"access: support shows {tier}, "
            f"billing says {' or '.join(map(str, sorted(wanted.tiers, key=str)))}"
        )
    return found


def _paper_key(paper: Document) -> tuple[object, ...]:
    """Billing's number with what it is of, as an undo; a document that people made is its own."""
    return paper.raw["company"], paper.reference or f"by hand {paper.id}"


def _is_unbilled(paper: Document) -> bool:
    return (paper.reference or "").startswith(_UNBILLED)


def _reference(move: Row) -> str:
    """Our own id of a movement, with its company; empty for what is none of ours."""
    said = move.get("external_id") or (move["description"] or "").partition(", value date ")[0]
    return "" if not said or any(sign.isspace() for sign in said) else f"{move['company']}/{said}"
