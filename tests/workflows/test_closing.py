"""Closing a month: refused while a difference stands, sealed, reopened, and who comes second."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest
import rfc8785
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from canonical_models.closing import BookedPage, LedgerMonth, Next, PeriodState, month_of
from canonical_models.decisions import Target
from canonical_models.failures import RejectionCode
from operations import audit, closing, closing_accepting
from operations.closing import Closed
from operations.closing_page import page_of
from operations.context import AppContext
from operations.engine import Engine
from operations.errors import Conflict, Invalid, NotFound, Unavailable
from persistence import decisions, outbox
from persistence.closing import Month, closed_months
from persistence.database import Database
from runtime.settings import ConnectionSettings, TenantSettings
from tests.audit.written import all_sealed, tamper
from tests.harness.sagas import Sagas, sagas_at_work
from tests.harness.subscriptions import ACCOUNT, AS_OF
from tests.harness.systems import CUTOVER, Systems, refused
from tests.workflows.test_reconciliation import told_long_ago

ENTITY, PERIOD = ACCOUNT.legal_entity, month_of(AS_OF.date())
JANE, REASON = "jane", "agreed with the auditor"


@pytest.fixture
async def sagas(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Sagas]:
    async with sagas_at_work(temporal.client, database, Systems()) as working:
        yield working


@pytest.fixture
def context(sagas: Sagas) -> AppContext:
    async def connect() -> Client:
        return sagas.client

    one = ConnectionSettings(
        vendor="stripe", base_url="http://127.0.0.1:9", books_from=CUTOVER.date()
    )
    tenant = TenantSettings(
        billing="billing", erp="billing", support="billing", connections={"billing": one}
    )
    return AppContext(
        sagas.database,
        Engine(connect, namespace="default", task_queue=sagas.task_queue),
        {"acme": tenant, "globex": tenant},
        erp=lambda _tenant: sagas.systems.erp,
    )


async def close(context: AppContext, by: str = JANE, tenant: str = "acme") -> Closed:
    return await closing.close(context, tenant, ENTITY, PERIOD, by=by)


async def sold(sagas: Sagas, *numbers: int) -> None:
    for number in numbers:
        await (await sagas.sell(number)).result()
    await told_long_ago(sagas)


def by_hand(sagas: Sagas) -> None:
    """A second document for the first of billing's, made in the ERP."""
    documents = sagas.systems.erp.documents
    documents.append(
        documents[0].model_copy(
            update={"document_id": "99", "number": "H-99", "external_id": "", "ours": False}
        )
    )


async def test_a_month_without_differences_is_closed_and_sealed(
    sagas: Sagas, context: AppContext
) -> None:
    await sold(sagas, 1, 2)
    done = await close(context)
    assert (done.outcome, done.period.state) == ("closed", PeriodState.CLOSED)
    report = done.report
    assert report is not None
    (sums,) = report.currencies
    nets = [each.net.minor for each in sagas.systems.erp.documents]
    assert (sums.erp.count, sums.erp.net.minor) == (2, sum(nets))
    assert sums.billing == sums.erp == sums.issued
    assert [(each.account, each.billing.minor) for each in report.accounts] == [
        (sagas.systems.erp.documents[0].lines[0].account, sum(nets))
    ]
    assert report.differences == ()
    # What is kept is canonical: the bytes are those of its content, whoever writes them.
    kept = await closing.report(context, "acme", ENTITY, PERIOD)
    assert kept.report.encode() == rfc8785.dumps(json.loads(kept.report))

    again = await close(context, by="fay")
    assert (again.outcome, again.report) == ("unchanged", report)
    assert again.period == done.period

    await all_sealed(sagas.database)
    found = await audit.verify(context, "acme")
    assert found.broken == 0
    entries = (await audit.list_(context, "acme")).items
    (sealed,) = [each for each in entries if each.source == "closes"]
    assert (sealed.who, sealed.object) == (JANE, f"{ENTITY}/{PERIOD}")
    assert sealed.after == json.loads(kept.report)
    changed = kept.report.replace('"note":""', '"note":"nothing to see"')
    assert changed != kept.report
    assert tamper(sagas.database.dsn, "update closes set report = %s", changed) == 1
    found = await audit.verify(context, "acme")
    assert (found.broken, found.first and found.first.source) == (1, "closes")


async def test_a_difference_keeps_it_open_until_it_is_accepted_as_it_is(
    sagas: Sagas, context: AppContext
) -> None:
    await sold(sagas, 1)
    by_hand(sagas)
    refused_ = await close(context)
    assert (refused_.outcome, refused_.period.state) == ("refused", PeriodState.OPEN)
    (stands,) = refused_.standing
    assert (stands.what, stands.next, stands.decided) == ("erp:doubled", Next.IN_ERP, None)
    facts = closing.refusal(refused_).facts
    assert [each["difference_id"] for each in facts["standing"]] == [stands.difference_id]

    of = ("acme", ENTITY, PERIOD, stands.difference_id)
    with pytest.raises(Invalid, match="reason"):
        await closing_accepting.accept(context, *of, "  ", by=JANE)
    with pytest.raises(NotFound):
        await closing_accepting.accept(context, *of[:3], "dif_other", REASON, by=JANE)
    done = await closing_accepting.accept(context, *of, REASON, by=JANE)
    assert done.changed
    assert not (await closing_accepting.accept(context, *of, "again", by="fay")).changed
    await closing_accepting.withdraw(context, *of, "a slip", by=JANE)
    assert (await close(context)).outcome == "refused"
    await closing_accepting.accept(context, *of, REASON, by=JANE)

    # Once it differs otherwise, nobody has accepted that.
    twin = sagas.systems.erp.documents.pop()
    sagas.systems.erp.documents.append(twin.model_copy(update={"net": twin.net + twin.net}))
    assert (await close(context)).outcome == "refused"
    sagas.systems.erp.documents[-1] = twin

    closed = await close(context)
    assert closed.outcome == "closed"
    assert closed.report is not None
    (kept,) = closed.report.differences
    assert kept.decided is not None
    assert (kept.decided.kind, kept.decided.by, kept.decided.reason) == ("accepted", JANE, REASON)
    async with sagas.database.statement() as conn:
        made = await decisions.on(conn, "acme", Target.DIFFERENCE, stands.difference_id)
    assert [each.action for each in made] == ["accept", "withdraw", "accept"]
    assert {each.by for each in made} == {JANE}
    with pytest.raises(Conflict, match="closed"):
        await closing_accepting.withdraw(context, *of, "too late", by=JANE)
    page = page_of(await closing.report(context, "acme", ENTITY, PERIOD))
    assert REASON in page
    assert "H-99" in page


async def test_reopened_it_is_closed_as_another_version_that_names_the_one_before(
    sagas: Sagas, context: AppContext
) -> None:
    await sold(sagas, 1)
    first = await close(context)
    ask = closed_months(sagas.database, "acme")
    assert await ask(ENTITY) == {PERIOD: PeriodState.CLOSED}
    # It is not what was sealed any more: that is said, and nothing is changed.
    by_hand(sagas)
    with pytest.raises(Conflict, match="not what was sealed"):
        await close(context)
    with pytest.raises(Invalid):
        await closing.reopen(context, "acme", ENTITY, PERIOD, " ", by="fay")
    view = await closing.reopen(context, "acme", ENTITY, PERIOD, "a late credit", by="fay")
    assert (view.state, view.close_id) == (PeriodState.OPEN, first.period.close_id)
    assert await ask(ENTITY) == {}
    with pytest.raises(Conflict, match="open"):
        await closing.reopen(context, "acme", ENTITY, PERIOD, "again", by="fay")
    sagas.systems.erp.documents.pop()
    second = await close(context)
    assert second.report is not None
    assert (second.report.version, second.report.before) == (2, first.period.close_id)
    assert second.report.reopened is not None
    assert (second.report.reopened.by, second.report.reopened.reason) == ("fay", "a late credit")
    kept = await closing.report(context, "acme", ENTITY, PERIOD, 1)
    assert kept.read() == first.report
    # Each of the three is told once, in the transaction in which it was done.
    async with sagas.database.statement() as conn:
        published = [event for _, event in await outbox.page(conn, "acme", limit=1000)]
    told = [each for each in published if ".period." in each.type]
    assert [each.type.removeprefix("io.trueup.") for each in told] == [
        "period.closed.v1",
        "period.reopened.v1",
        "period.closed.v1",
    ]
    assert {each.subject for each in told} == {f"{ENTITY}/{PERIOD}"}
    assert [each.data["version"] for each in told] == [1, 1, 2]
    assert [each.data["by"] for each in told] == [JANE, "fay", JANE]
    assert (told[0].data["digest"], told[1].data["reason"]) == (kept.digest, "a late credit")


async def test_of_two_one_closes_it_and_the_other_is_told(
    sagas: Sagas, context: AppContext
) -> None:
    await sold(sagas, 1)
    ended = await asyncio.gather(
        close(context, "jane"), close(context, "fay"), return_exceptions=True
    )
    won = [each for each in ended if isinstance(each, Closed)]
    told = [each for each in ended if isinstance(each, Conflict)]
    assert (len(won), len(told)) == (1, 1)
    assert won[0].period.by in str(told[0])
    async with sagas.database.statement() as conn:
        made = await decisions.on(conn, "acme", Target.PERIOD, f"{ENTITY}/{PERIOD}")
    assert len(made) == 1


async def test_what_could_not_be_read_closes_nothing(sagas: Sagas, context: AppContext) -> None:
    await sold(sagas, 1)
    for call in ("erp.facts", "erp.booked"):
        sagas.systems.script.faults[call] = [refused(RejectionCode.LEGAL_ENTITY_UNKNOWN)]
        with pytest.raises((Unavailable, Invalid)):
            await close(context)
        view = await closing.show(context, "acme", ENTITY, PERIOD)
        assert (view.state, view.version) == (PeriodState.OPEN, 0)
    assert (await close(context)).outcome == "closed"


async def test_sums_that_nothing_explains_are_a_difference(
    sagas: Sagas, context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both lists of documents agree, and what the books say of them does not."""
    await sold(sagas, 1)
    erp = sagas.systems.erp
    honest = erp.booked

    async def booked(*of: str | date, after: str | None = None) -> BookedPage:
        page = await honest(*of, after=after)  # type: ignore[arg-type] # passed on as it came
        (one,) = page.documents
        other = {"9999": one.net}
        return page.model_copy(update={"documents": (one.model_copy(update={"accounts": other}),)})

    async def ledger(*_of: object) -> tuple[LedgerMonth, ...]:
        return ()

    monkeypatch.setattr(erp, "booked", booked)
    monkeypatch.setattr(erp, "ledger", ledger)
    (stands,) = (await close(context)).standing
    assert (stands.about, stands.key, stands.next) == ("total", "EUR", Next.ACCEPT)
    await closing_accepting.accept(
        context, "acme", ENTITY, PERIOD, stands.difference_id, REASON, by=JANE
    )
    assert (await close(context)).outcome == "closed"


async def test_what_cannot_be_closed_is_said(sagas: Sagas, context: AppContext) -> None:
    now = await closing.list_(context, "acme")
    assert now.items == ()
    ahead = month_of((AS_OF + timedelta(days=365 * 90)).date())
    for entity, period, error in (
        (ENTITY, "2026-13", Invalid),
        (ENTITY, ahead, Invalid),
        (ENTITY, month_of((CUTOVER - timedelta(days=40)).date()), Invalid),
        ("LE-NOWHERE", PERIOD, NotFound),
    ):
        with pytest.raises(error):
            await closing.close(context, "acme", entity, period, by=JANE)
    # Another tenant has neither the entity nor what was closed of it.
    await sold(sagas, 1)
    await close(context)
    for ask in (closing.show, closing.report):
        with pytest.raises(NotFound):
            await ask(context, "globex", ENTITY, PERIOD)
    with pytest.raises(NotFound):
        await close(context, tenant="globex")
    assert await closed_months(sagas.database, "globex")(ENTITY) == {}


async def test_a_write_under_way_is_waited_for(sagas: Sagas, context: AppContext) -> None:
    await sold(sagas, 1)
    async with sagas.database.transaction() as conn:
        await conn.execute(
            "update effects set state = 'attempting', confirmed_at = null "
            "where key = 'document:acme/in_1'"
        )
    refused_ = await close(context)
    assert (refused_.outcome, len(refused_.in_flight)) == ("refused", 1)
    assert "under way" in str(closing.refusal(refused_))


def test_a_month_is_named_as_decisions_name_it() -> None:
    assert Month(tenant="acme", legal_entity="LE", period=PERIOD).about == f"LE/{PERIOD}"
