"""One posted document for one external id: lost answers, races, and drafts that were left."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta

import httpx
import pytest

from canonical_models.failures import (
    ContractDrift,
    CredentialsRefused,
    Rejection,
    RejectionCode,
    TransientFailure,
    UncertainWrite,
)
from canonical_models.ledgering import DocumentState, ErpDocument
from connectors.tryton.adapter import TrytonErp
from connectors.tryton.mapping import Company
from connectors.tryton.numbering import Numbering
from sandbox.erp.bookkeeping import bookkeeper
from sandbox.erp.instance import ErpInstance
from sandbox.simulators.child import running_child
from tests.connectors.tryton.conftest import Connect, config
from tests.connectors.tryton.drafts import (
    DE_7,
    DE_19,
    People,
    draft,
    line,
    number_of,
    seats,
    tax,
    today,
    us_seats,
)
from tests.harness.erp import Books

pytestmark = [pytest.mark.slow, pytest.mark.erp, pytest.mark.timeout(300)]

CREATED = {"path_regex": r"/account\.invoice(\?|$)"}
CALLED = [
    {"path_regex": "/rpc/", "body_contains": f'"model.account.invoice.{method}"'}
    for method in ("write", "validate_invoice", "post", "deferred.run")
]


@asynccontextmanager
async def losing(erp: ErpInstance, which: dict[str, str] = CREATED) -> AsyncIterator[str]:
    """An address of the ERP behind which the answer to one POST is lost."""
    async with running_child("sandbox.simulators.faultproxy", "--upstream", erp.url) as proxy:
        lost = {"method": "POST", "action": "drop_after", "times": 1, **which}
        async with httpx.AsyncClient(base_url=proxy.url) as control:
            (await control.post("/_proxy/faults", json=[lost])).raise_for_status()
        yield proxy.url


def by_state(documents: tuple[ErpDocument, ...]) -> list[str]:
    return sorted(document.state.value for document in documents)


@pytest.mark.parametrize(
    "which", [CREATED, *CALLED], ids=["create", "write", "validate", "post", "run"]
)
async def test_a_lost_answer_is_uncertain_and_the_next_try_finds_what_happened(
    erp: ErpInstance, connect: Connect, books: TrytonErp, ledger: Books, which: dict[str, str]
) -> None:
    last = today() + timedelta(days=40)
    wanted = draft(
        *(line("PRO", "10.03", service_from=today(), service_to=last) for _ in range(3)),
        taxes=(tax(DE_19, "30.09", "5.73"),),
    )
    async with losing(erp, which) as url:
        with pytest.raises(UncertainWrite):
            await connect(url).post(wanted)

    made = await books.post(wanted)

    assert await books.find(wanted.external_id, "LE-DE") == (made,)
    assert made.gross == wanted.gross
    schedules = await ledger.deferrals(number_of(made))
    assert [schedule.state for schedule in schedules] == ["closed"] * 3


async def test_four_who_post_at_once_leave_one_posted_document(
    connect: Connect, books: TrytonErp
) -> None:
    # With a row of rounding, which must not be added twice.
    wanted = draft(*(line("PRO", "10.03") for _ in range(3)), taxes=(tax(DE_19, "30.09", "5.73"),))

    made = await asyncio.gather(*(connect().post(wanted) for _ in range(4)))

    found = await books.find(wanted.external_id, "LE-DE")
    assert by_state(found).count("posted") == 1
    assert set(by_state(found)) <= {"posted", "cancelled"}
    assert {document.document_id for document in made} == {
        document.document_id for document in found if document.live
    }
    assert all(document.gross == wanted.gross for document in made)


async def test_a_draft_that_says_the_same_is_finished_instead_of_made_again(
    erp: ErpInstance, connect: Connect, books: TrytonErp, people: People
) -> None:
    wanted = draft(*(line("PRO", "10.03") for _ in range(3)), taxes=(tax(DE_19, "30.09", "5.73"),))
    async with losing(erp) as url:
        with pytest.raises(UncertainWrite):
            await connect(url).post(wanted)
    (left,) = await books.find(wanted.external_id, "LE-DE")
    await people.press(number_of(left), "validate_invoice")

    made = await books.post(wanted)

    assert made.document_id == left.document_id
    assert (made.tax, made.rounding) == (wanted.tax, wanted.taxes[0].amount - left.tax)


@pytest.mark.parametrize("changed", ["party", "item", "amount", "by-hand"])
async def test_a_draft_that_says_something_else_is_made_anew(
    erp: ErpInstance, connect: Connect, books: TrytonErp, people: People, changed: str
) -> None:
    first = seats()
    async with losing(erp) as url:
        with pytest.raises(UncertainWrite):
            await connect(url).post(first)
    (left,) = await books.find(first.external_id, "LE-DE")
    lines, taxes, party = first.lines, first.taxes, first.party
    match changed:
        case "party":
            party = await people.customer()
        case "item":
            lines = (lines[0].model_copy(update={"item": "HANDBOOK"}),)
            taxes = (tax(DE_7, "100.00", "7.00"),)
        case "amount":
            lines, taxes = (line("PRO", "50.00"),), (tax(DE_19, "50.00", "9.50"),)
        case _:
            await people.write(number_of(left), payment_term=erp.facts.payment_term)
    wanted = first.model_copy(update={"lines": lines, "taxes": taxes, "party": party})

    made = await books.post(wanted)

    assert made.document_id != left.document_id
    assert (made.party, made.gross) == (party, wanted.gross)
    assert [entry.item for entry in made.lines] == [lines[0].item]
    assert by_state(await books.find(first.external_id, "LE-DE")) == ["cancelled", "posted"]


async def test_two_who_undo_a_draft_at_once_both_find_it_taken_back(
    erp: ErpInstance, connect: Connect, books: TrytonErp
) -> None:
    wanted = seats()
    async with losing(erp) as url:
        with pytest.raises(UncertainWrite):
            await connect(url).post(wanted)
    (left,) = await books.find(wanted.external_id, "LE-DE")
    undo = f"{wanted.external_id}/void"

    both = await asyncio.gather(
        *(
            connect().reverse(left.document_id, "LE-DE", reference=undo, on=today())
            for _ in range(2)
        )
    )

    assert [(entry.document_id, entry.state) for entry in both] == [
        (left.document_id, DocumentState.CANCELLED)
    ] * 2
    assert await books.find(undo, "LE-DE") == ()


async def test_the_younger_of_twins_is_taken_back(
    erp: ErpInstance, connect: Connect, books: TrytonErp, people: People
) -> None:
    wanted = seats()
    async with losing(erp) as url:
        with pytest.raises(UncertainWrite):
            await connect(url).post(wanted)
    (left,) = await books.find(wanted.external_id, "LE-DE")
    twin = await people.duplicate(left.document_id)
    await people.write(twin, reference=f"{wanted.number} ({wanted.external_id})")

    made = await books.post(wanted)

    assert made.document_id == left.document_id
    found = await books.find(wanted.external_id, "LE-DE")
    assert [document.state for document in found] == [DocumentState.POSTED, DocumentState.CANCELLED]


async def test_a_period_that_closes_in_between_is_named_as_the_cause(
    books: TrytonErp, erp: ErpInstance, ledger: Books
) -> None:
    await books.post(us_seats())
    wanted = us_seats()
    async with bookkeeper(erp) as keeper:
        await keeper.close_period("LE-US", today())
        try:
            # What was checked a moment ago is still remembered: the ERP itself refuses.
            with pytest.raises(Rejection) as refused:
                await books.post(wanted)
        finally:
            await keeper.reopen_period("LE-US", today())
    made = await books.post(wanted)

    assert refused.value.reason is RejectionCode.PERIOD_CLOSED
    assert await books.find(wanted.external_id, "LE-US") == (made,)


async def test_a_number_that_is_taken_in_between_moves_the_date(
    books: TrytonErp, monkeypatch: pytest.MonkeyPatch
) -> None:
    year = today().year - 1
    latest = await books.post(us_seats(issued_on=date(year, 11, 20)))
    ask, asked = Numbering.last_date, []

    async def as_it_was(
        self: Numbering, accounting_date: date, company: Company, *, credit: bool
    ) -> date | None:
        asked.append(accounting_date)
        if len(asked) <= 2:
            return None
        return await ask(self, accounting_date, company, credit=credit)

    monkeypatch.setattr(Numbering, "last_date", as_it_was)
    wanted = us_seats(issued_on=date(year, 10, 3))

    made = await books.post(wanted)

    assert (made.document_date, made.posting_date) == (latest.document_date, wanted.issued_on)
    assert by_state(await books.find(wanted.external_id, "LE-US")) == ["cancelled", "posted"]


async def test_a_warning_that_is_not_meant_is_not_answered(
    books: TrytonErp, people: People
) -> None:
    party = await people.customer()
    await books.post(seats(party=party))
    await people.give_tax_rule(party, "DE-EU-RC")
    wanted = seats(party=party)

    # The rule of a moment ago is still remembered: the ERP asks whether other taxes are meant.
    with pytest.raises(Rejection) as warned:
        await books.post(wanted)
    with pytest.raises(Rejection) as refused:
        await books.post(wanted)

    assert warned.value.reason is RejectionCode.DOCUMENT_REFUSED
    assert refused.value.reason is RejectionCode.TAX_MISMATCH
    assert not any(x.live for x in await books.find(wanted.external_id, "LE-DE"))


async def test_wrong_keys_an_older_erp_and_a_server_that_is_gone_are_told_apart(
    erp: ErpInstance,
) -> None:
    with pytest.raises(KeyError, match="api_key"):
        TrytonErp.connect(config(erp).model_copy(update={"secrets": {}}))
    keys = erp.credentials.model_copy(update={"api_key": "0" * 64})
    refused = TrytonErp.connect(config(erp.model_copy(update={"credentials": keys})))
    gone = TrytonErp.connect(config(erp, "http://127.0.0.1:9"))
    words = "<p>The requested URL was not found on the server. If you entered"
    no_rest = httpx.MockTransport(lambda _: httpx.Response(404, text=words))
    gateway = httpx.MockTransport(lambda _: httpx.Response(404, text="<title>Not Found</title>"))
    lost = TrytonErp.connect(config(erp), transport=gateway)
    old = TrytonErp.connect(config(erp), transport=no_rest)
    with pytest.raises(CredentialsRefused):
        await refused.find("x", "LE-DE")
    with pytest.raises(TransientFailure):
        await gone.find("x", "LE-DE")
    with pytest.raises(ContractDrift, match=r"Tryton 8\.0 or later"):
        await old.find("x", "LE-DE")
    with pytest.raises(TransientFailure, match="base address"):
        await lost.find("x", "LE-DE")
    for adapter in (refused, gone, old, lost):
        await adapter.close()
