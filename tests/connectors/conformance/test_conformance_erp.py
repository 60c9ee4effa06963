"""What an ERP must do besides: `ErpPort` word by word. Its own people judge by its books."""

from decimal import Decimal

import pytest

from canonical_models.failures import MayStillLand, RejectionCode, UncertainWrite
from canonical_models.ledgering import DocumentState
from tests.connectors.conformance import answers
from tests.connectors.conformance.cases import systems
from tests.connectors.conformance.checks import connected, failing, wired
from tests.connectors.conformance.conftest import Start
from tests.connectors.conformance.erp import ErpSystem, draft, posted, today
from tests.connectors.conformance.systems import SYSTEMS
from tests.connectors.conformance.wire import lost_after


async def system_of(start: Start, name: str) -> ErpSystem:
    found = await start(name)
    assert isinstance(found, ErpSystem)
    return found


@systems("erp")
async def test_amounts_are_exact_whatever_the_digits_of_their_currency(
    start: Start, name: str
) -> None:
    system = await system_of(start, name)
    assert {len(net.partition(".")[2]) for _, net, _ in system.amounts} == {0, 2, 3}
    async with connected(system) as port:
        for currency, net, tax in system.amounts:
            wanted = draft(await system.sale(), currency=currency, net=net, tax=tax)
            made = await port.post(wanted)
            gross = Decimal(net) + Decimal(tax)
            assert (made.gross.decimal, made.open.decimal) == (gross, gross)
            (there,) = await system.standing(wanted.external_id)
            assert (there.gross, there.open) == (gross, gross)


@systems("erp")
async def test_what_is_not_there_is_told_as_such(start: Start, name: str) -> None:
    system = await system_of(start, name)
    sale = await system.sale()
    there = await posted(system)
    async with connected(system) as port:
        assert await port.find("in_nobody", sale.legal_entity) == ()
        assert await port.find_number("INV-NOBODY", sale.legal_entity) == ()
        assert await port.find_entries("py_nobody", sale.legal_entity) == ()
        assert await port.drop_drafts("in_nobody", sale.legal_entity) == 0
        known = await port.statuses(["999999999", there.document_id, "x"], sale.legal_entity)
        assert [each.document_id for each in known] == [there.document_id]
        with failing(system, RejectionCode.LEGAL_ENTITY_UNKNOWN):
            await port.find("in_nobody", "LE-NOWHERE")


@systems("erp")
async def test_what_is_no_id_is_nothing(start: Start, name: str) -> None:
    await answers.no_id(await start(name), SYSTEMS[name].port.look, None)


@pytest.mark.parametrize(
    ("member", "value", "codes"),
    [
        ("legal_entity", "LE-NOWHERE", [RejectionCode.LEGAL_ENTITY_UNKNOWN]),
        ("party", "nobody", [RejectionCode.PARTY_UNKNOWN]),
        ("currency", "VES", [RejectionCode.CURRENCY_MISMATCH]),
        ("item", "NOTHING", [RejectionCode.ITEM_UNMAPPED, RejectionCode.ITEM_NOT_POSTABLE]),
    ],
)
@systems("erp")
async def test_master_data_that_is_missing_is_named_before_anything_is_made(
    start: Start, name: str, member: str, value: str, codes: list[RejectionCode]
) -> None:
    system = await system_of(start, name)
    wanted = draft(await system.sale())
    if member == "currency":
        wanted = draft(await system.sale(), currency=value)
    elif member == "item":
        line = wanted.lines[0].model_copy(update={"item": value})
        wanted = wanted.model_copy(update={"lines": (line,)})
    else:
        wanted = wanted.model_copy(update={member: value})
    async with wired() as wire, connected(system, wire) as port:
        with failing(system, *codes) as caught:
            await port.post(wanted)
        assert value in str(getattr(caught.value, "subject", None))
        assert not any(map(system.writes, wire.seen))
    assert await system.standing(wanted.external_id) == []


@systems("erp")
async def test_a_reversal_takes_all_of_it_back_and_settles_both(start: Start, name: str) -> None:
    system = await system_of(start, name)
    there = await posted(system)
    entity = there.draft.legal_entity
    async with connected(system) as port:
        note = await port.reverse(there.document_id, entity, reference=there.reference, on=today())
        known = await port.statuses([there.document_id, note.document_id], entity)
        found = await port.find(there.reference, entity)
    assert note.gross == -there.draft.gross
    assert note.corrects == there.document_id
    assert [each.open.minor for each in known] == [0, 0]
    assert [each.document_id for each in found if each.live] == [note.document_id]
    assert await system.owed(there.draft.party) == 0


@systems("erp")
async def test_what_a_lost_answer_leaves_can_be_taken_back(start: Start, name: str) -> None:
    system = await system_of(start, name)
    wanted = draft(await system.sale())
    async with wired() as wire, connected(system, wire) as port:
        wire.arm(lost_after, system.writes)
        with failing(system, UncertainWrite):
            await port.post(wanted)
        (left,) = await port.find(wanted.external_id, wanted.legal_entity)
        assert left.state is DocumentState.DRAFT
        assert await port.drop_drafts(wanted.external_id, wanted.legal_entity) == 1
        assert await port.drop_drafts(wanted.external_id, wanted.legal_entity) == 0
        after = await port.find(wanted.external_id, wanted.legal_entity)
    assert not any(each.live or each.state is DocumentState.DRAFT for each in after)
    assert await system.standing(wanted.external_id) == []


class Overtaken:
    """The attempt of a worker that stood still: another has begun since."""

    @property
    def made(self) -> tuple[str, ...]:
        return ()

    async def held(self) -> None:
        raise MayStillLand("another attempt has begun", system="ledger", retry_after=60)

    async def making(self, made: str) -> None:
        del made
        await self.held()


@systems("erp")
async def test_who_was_overtaken_makes_nothing_final(start: Start, name: str) -> None:
    system = await system_of(start, name)
    wanted, there = draft(await system.sale()), await posted(system)
    async with connected(system) as port:
        with pytest.raises(MayStillLand):
            await port.post(wanted, attempt=Overtaken())
        with pytest.raises(MayStillLand):
            await port.settle(there.payment, attempt=Overtaken())
        with pytest.raises(MayStillLand):
            await port.reverse(
                there.document_id,
                there.draft.legal_entity,
                reference=there.reference,
                on=today(),
                attempt=Overtaken(),
            )
    assert await system.standing(wanted.external_id) == []
    assert await system.standing(there.reference) == []
    assert await system.owed(there.draft.party) == there.draft.gross.decimal


@systems("erp")
async def test_books_tell_each_final_document_once(start: Start, name: str) -> None:
    system = await system_of(start, name)
    mine = [await posted(system) for _ in range(2)]
    entity = mine[0].draft.legal_entity
    listed: list[str] = []
    facts: list[str] = []
    async with connected(system) as port:
        after = None
        while True:
            page = await port.booked(entity, today(), today(), after=after)
            listed += [each.key for each in page.documents]
            if (after := page.next) is None:
                break
        after = None
        while True:
            told = await port.facts(entity, after=after)
            facts += [each.key for each in told.documents]
            after = told.next
            if not told.more:
                break
    for each in mine:
        assert facts.count(each.document_id) == 1
        assert listed.count(each.document_id) == 1
