"""Contracts, dunning cases and suspended grants as rows."""

from datetime import UTC, datetime, timedelta

import pytest

from canonical_models.documents import BillingDocument, DocumentStatus
from canonical_models.entitlement import Grant, GrantSource, GrantState
from canonical_models.money import Money
from canonical_models.states import Forecast
from canonical_models.term import Contract, DunningCase, DunningStage
from persistence import contracts, dunning, grants
from persistence.database import Database
from tests.harness.flow import write
from tests.persistence.issued import document

NOW = datetime(2026, 11, 16, tzinfo=UTC)
DAY = timedelta(days=1)
CONTRACT = Contract(
    contract_id="sub_1",
    customer_id="cus_1",
    subscription_ids=("sub_1",),
    starts_at=NOW,
    time_zone="Europe/Berlin",
)


async def news(database: Database) -> dict[str, int]:
    async with database.statement() as conn:
        found = await conn.execute("select workflow_id, news from processes")
        return {row[0]: row[1] for row in await found.fetchall()}


async def agreed(
    database: Database, contract: Contract, renews_at: datetime | None, change: str = "chg_1"
) -> contracts.ContractView:
    async with database.transaction() as conn:
        await contracts.put(conn, "acme", contract, renews_at=renews_at, change_id=change)
    async with database.statement() as conn:
        found = await contracts.get(conn, "acme", "sub_1")
    assert found is not None
    return found


async def test_a_term_is_told_when_its_dates_change_and_only_then(database: Database) -> None:
    told = []
    for contract, renews_at in (
        (CONTRACT, NOW + 30 * DAY),
        (CONTRACT, NOW + 30 * DAY),
        (CONTRACT.model_copy(update={"customer_id": "cus_2"}), NOW + 30 * DAY),
        (CONTRACT, NOW + 60 * DAY),
        (CONTRACT.model_copy(update={"ends_at": NOW + 60 * DAY}), None),
        (CONTRACT.model_copy(update={"ends_at": NOW + 60 * DAY}), None),
        (CONTRACT, NOW + 60 * DAY),
    ):
        await agreed(database, contract, renews_at)
        told.append((await news(database))["renewal/acme/sub_1"])
    assert told == [1, 1, 1, 2, 3, 3, 4]


async def test_a_term_keeps_what_was_foreseen_of_it(database: Database) -> None:
    await agreed(database, CONTRACT, NOW + 30 * DAY)
    amount = Money(minor=20000, currency="EUR")
    async with database.transaction() as conn:
        await contracts.foresee(
            conn, "acme", "sub_1", renewal=NOW + 30 * DAY, forecast=Forecast.READY, amount=amount
        )
    view = await agreed(database, CONTRACT, NOW + 60 * DAY, "chg_2")
    assert (view.forecast, view.forecast_for, view.forecast_amount) == (
        "ready",
        NOW + 30 * DAY,
        amount,
    )
    assert (view.renews_at, view.change_id) == (NOW + 60 * DAY, "chg_2")
    assert (view.time_zone, view.customer_id) == ("Europe/Berlin", "cus_1")


async def test_what_ended_as_it_began_has_no_renewal(database: Database) -> None:
    await agreed(database, CONTRACT, NOW + 30 * DAY)
    for _ in range(2):
        async with database.transaction() as conn:
            await contracts.over(conn, "acme", "sub_1", change_id="chg_2")
            await contracts.over(conn, "acme", "sub_other", change_id="chg_2")
    async with database.statement() as conn:
        view = await contracts.get(conn, "acme", "sub_1")
        assert await contracts.due(conn, "acme", before=NOW + 99 * DAY) == ()
    assert view is not None
    assert (view.renews_at, view.ends_at, view.change_id) == (None, NOW, "chg_2")
    assert await news(database) == {"renewal/acme/sub_1": 2}


def invoice(
    since: datetime | None,
    status: DocumentStatus = DocumentStatus.OPEN,
    *,
    remaining: int | None = None,
) -> BillingDocument:
    return document(status=status, remaining=remaining, overdue_since=since)


async def opened(database: Database, *invoices: BillingDocument) -> DunningCase | None:
    async with database.transaction() as conn:
        await dunning.open_(conn, "acme", "sub_1", "cus_1", invoices)
    async with database.statement() as conn:
        return await dunning.get(conn, "acme", "in_1")


async def put(database: Database, **members: object) -> None:
    """The case becomes this."""
    async with database.transaction() as conn:
        case = await dunning.get(conn, "acme", "in_1")
        assert case is not None
        await dunning.put(conn, "acme", case.model_copy(update=members))


FRESH = DunningCase(
    invoice_id="in_1", subscription_id="sub_1", customer_id="cus_1", overdue_since=NOW
)


@pytest.mark.parametrize(
    "asked",
    [
        invoice(None),
        *(invoice(NOW, s) for s in DocumentStatus if s is not DocumentStatus.OPEN),
        invoice(NOW, remaining=0),
    ],
)
async def test_what_is_not_owed_opens_no_case(database: Database, asked: BillingDocument) -> None:
    assert await opened(database, asked) is None
    assert await news(database) == {}


async def test_a_case_opens_once_and_hears_of_every_agreement(database: Database) -> None:
    assert await opened(database, invoice(NOW)) == FRESH
    await put(database, stage=DunningStage.SUSPENDED, reminders=2, suspended_at=NOW + 7 * DAY)
    # As it has come so far, whatever billing says of the time.
    seen = await opened(database, invoice(NOW + DAY))
    assert seen is not None
    assert (seen.stage, seen.reminders, seen.overdue_since) == (DunningStage.SUSPENDED, 2, NOW)
    # An agreement that no longer shows the invoice tells it too.
    await opened(database)
    assert await news(database) == {"dunning/acme/in_1": 3}


async def test_a_closed_case_opens_anew(database: Database) -> None:
    await opened(database, invoice(NOW))
    await put(database, stage=DunningStage.CLOSED, reminders=3, extended_days=30, outcome="paid")
    assert await opened(database, invoice(None, DocumentStatus.PAID)) is not None
    assert (await news(database))["dunning/acme/in_1"] == 1

    later = NOW + 90 * DAY
    assert await opened(database, invoice(later)) == FRESH.model_copy(
        update={"overdue_since": later}
    )
    assert (await news(database))["dunning/acme/in_1"] == 2


@pytest.mark.parametrize(("read", "stage"), [(-1, DunningStage.CLOSED), (1, DunningStage.GRACE)])
async def test_what_was_read_before_a_case_was_closed_opens_it_not(
    database: Database, read: int, stage: DunningStage
) -> None:
    await opened(database, invoice(NOW))
    await put(database, stage=DunningStage.CLOSED, outcome="write_off")
    await write(
        database,
        "insert into changes (id, tenant, connection, subject, event_id, kind, read_at) values "
        "('chg_1', 'acme', 'stripe', 'sub_1', 'evt_1', 'other', now() + %(read)s * interval '1 h')",
        read=read,
    )
    async with database.transaction() as conn:
        await dunning.open_(conn, "acme", "sub_1", "cus_1", [invoice(NOW)], change_id="chg_1")
        case = await dunning.get(conn, "acme", "in_1")
    assert case is not None
    assert case.stage is stage


async def test_a_closed_case_goes_on_where_it_is_still_the_same_debt(database: Database) -> None:
    """A direct debit that was under way came to nothing: what a person gave is not lost."""
    await opened(database, invoice(NOW))
    await put(database, stage=DunningStage.CLOSED, reminders=2, extended_days=30, outcome="ended")
    assert await opened(database, invoice(NOW)) == FRESH.model_copy(
        update={"reminders": 2, "extended_days": 30}
    )


def grant(state: GrantState, reason: str | None = None) -> Grant:
    return Grant(
        customer_id="cus_1",
        feature="seats",
        source=GrantSource.SUBSCRIPTION,
        source_id="si_1",
        subscription_id="sub_1",
        quantity=5,
        starts_at=NOW,
        state=state,
        reason=reason,
    )


async def test_grants_keep_their_state_and_reason(database: Database) -> None:
    held = grant(GrantState.SUSPENDED, "suspended until it is paid")
    for wanted in (grant(GrantState.ACTIVE), held, held, grant(GrantState.ACTIVE)):
        async with database.transaction() as conn:
            await grants.replace(conn, "acme", "sub_1", [wanted], change_id="chg_1")
        async with database.statement() as conn:
            assert await grants.of_subscription(conn, "acme", "sub_1") == (wanted,)
            assert await grants.of_customer(conn, "acme", "cus_1") == (wanted,)
    async with database.transaction() as conn:
        kept = await grants.history(conn, "acme", "si_1")
    # One that stays is not written again.
    assert [entry.grant.state.value for entry in kept] == ["active", "suspended", "active"]
