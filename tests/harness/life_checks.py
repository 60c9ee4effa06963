"""Every system held against what billing's records ask of it."""

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

from canonical_models.entitlement import GrantState
from canonical_models.ledgering import EntryKind
from persistence import grants
from tests.harness.life_expected import DAY, Expected, Held
from tests.harness.life_flow import Life
from tests.harness.webhooks import TENANT

#: Money that moved on an older invoice is only known once its event has come.
_LATE = 45 * DAY


def same(what: str, found: object, wanted: object) -> None:
    assert found == wanted, f"{what}: {found} where {wanted} is wanted"


async def agree(life: Life, expected: Expected) -> None:
    """All that must hold whenever nothing is under way."""
    await _lines(life, expected)
    _money(life, expected)
    await _grants(life, expected)
    _target(life, expected)
    _support(life, expected)


async def ran_in_order(life: Life) -> None:
    """Every change of every subscription by a saga of its own, one after the other; the last one
    that did something is what billing shows."""
    for sold in life.customer.subscriptions:
        settled = await life.changes(sold)
        assert {change.outcome for change in settled} <= {"completed", "no_change"}, settled
        runs = await life.world.flow.runs(sold, len(settled))
        assert runs == [change.run_id for change in settled]
        for before, after in pairwise(settled):
            assert before.settled_at is not None
            assert after.started_at is not None
            assert before.settled_at <= after.started_at
        shown = (await life.world.flow.stripe.read(f"subscriptions/{sold}"))["metadata"]
        last = [change for change in settled if change.outcome == "completed"][-1]
        assert shown["trueup_change"] == last.change_id
        assert shown["trueup_state"] == "synchronised"


async def _lines(life: Life, expected: Expected) -> None:
    erp, party = life.world.flow.erp, life.customer.customer
    currency = life.customer.birth.currency.upper()
    drafts = [draft for draft in erp.drafts if draft.party == party]
    lines = [line for draft in drafts for line in draft.lines]
    counted = Counter(line.line_id for line in lines)
    same("lines that were posted twice", [key for key, n in counted.items() if n > 1], [])
    posted = {line.line_id: line.net.minor for line in lines}
    for key in [key for key in posted if key.endswith("~")]:
        same(f"what {key} takes back", -posted.pop(key), posted.pop(key.removesuffix("~")))
    references = {draft.reference for draft in drafts}
    documents = [d for d in erp.documents if d.reference.removesuffix("/undo") in references]
    total = sum(document.net.minor for document in documents)
    same("the sum of all documents", total, sum(posted.values()))

    owed: dict[str, int] = {}
    undecided: set[str] = set()
    for sold in expected.books.sold:
        owed |= sold.lines()
        undecided |= sold.drafted()
    for key in undecided:
        posted.pop(key, None)
    same("posted lines", posted, owed)
    same("currencies", {line.net.currency for line in lines} - {currency}, set())


def _money(life: Life, expected: Expected) -> None:
    entries = [e for e in life.world.flow.erp.entries if e.party == life.customer.customer]
    entered = {entry.reference: entry.amount.minor for entry in entries}
    same("entries", len(entries), len(entered))
    books = expected.books
    moved = {key: money.amount for key, money in books.moved.items()}
    if life.held:
        recent = {a.invoice for _, a in books.invoices() if a.created >= books.now - _LATE}
        known = {key for key, money in books.moved.items() if money.invoice in recent}
        moved = {key: amount for key, amount in moved.items() if key in known | entered.keys()}
    same("money that moved", entered, moved)
    for entry in entries:
        money = books.moved[entry.reference]
        same(f"the date of {entry.reference}", entry.value_date, expected.day(money.at))
        same(f"the kind of {entry.reference}", entry.kind, _kind(entry.reference, money.amount))


def _kind(reference: str, amount: int) -> EntryKind:
    if amount > 0:
        return EntryKind.RECEIPT
    return EntryKind.REFUND if reference.startswith("re_") else EntryKind.CHARGEBACK


async def _grants(life: Life, expected: Expected) -> None:
    async with life.world.flow.database.statement() as raw:
        found = await grants.of_customer(raw, TENANT, life.customer.customer)
    reasons = [(grant.source_id, grant.feature) for grant in found]
    same("live grants", len(reasons), len(set(reasons)))
    held = {
        sold.subscription: sorted(
            Held(
                grant.source_id,
                grant.feature,
                grant.quantity,
                grant.state is GrantState.SUSPENDED,
                _seconds(grant.ends_at),
            )
            for grant in found
            if grant.subscription_id == sold.subscription
        )
        for sold in expected.books.sold
    }
    wanted = {sold.subscription: expected.grants(sold) for sold in expected.books.sold}
    same("grants", held, wanted)
    same("grants with a subscription", sum(map(len, held.values())), len(found))
    now = datetime.fromtimestamp(expected.books.now, UTC)
    assert all(grant.live(now) for grant in found if grant.state is GrantState.ACTIVE)


def _target(life: Life, expected: Expected) -> None:
    kept = life.world.target.kept.get(life.customer.customer)
    told = {
        feature.feature: (feature.quantity, _seconds(feature.until))
        for feature in (kept.features if kept else ())
    }
    same("what the target holds", told, expected.entitled())


def _support(life: Life, expected: Expected) -> None:
    shown = life.world.flow.support.shown[life.customer.customer]
    found = shown.tier, _seconds(shown.contract_end), set(shown.features)
    same("what support shows", found, expected.support())


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
