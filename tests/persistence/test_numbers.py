"""Each number over rows whose story is known, none of which is another tenant's."""

from datetime import timedelta

import pytest

from canonical_models.policy import NumbersPolicy, Promise
from operations.numbers import measure_of
from persistence import numbers
from persistence.database import Database
from persistence.numbers import Measured, Number
from tests.harness.flow import write
from tests.persistence.issued import document, in_erp, post, see

MONTH, HOUR = timedelta(days=30), timedelta(hours=1)
MINUTE = 60.0


async def found(
    database: Database,
    number: Number,
    seconds: float | None = 5 * MINUTE,
    window: timedelta = MONTH,
) -> Measured:
    async with database.transaction() as conn:
        nobody = await numbers.measure(conn, "nobody", number, seconds=seconds, window=window)
        assert nobody == Measured(0, 0, 0, None, None)
        return await numbers.measure(conn, "acme", number, seconds=seconds, window=window)


async def change(database: Database, key: str, received: float, **more: object) -> None:
    """Received so many seconds ago, of its own subscription, and settled by now."""
    values: dict[str, object] = {
        "kind": "other",
        "settled": 0.0,
        "occurred": received,
        "outcome": "completed",
        **more,
    }
    await write(
        database,
        "insert into changes (id, tenant, connection, subject, event_id, kind, state, outcome, "
        "received_at, occurred_at, settled_at) select %(key)s, tenant, 'billing', %(key)s, %(key)s "
        "|| tenant, %(kind)s, 'settled', %(outcome)s, now() - %(received)s * interval '1 s', "
        "now() - %(occurred)s * interval '1 s', now() - %(settled)s * interval '1 s' "
        "from (values ('acme')) as of (tenant)",
        key=key,
        received=received,
        **values,
    )


async def effect(
    database: Database, of: str, confirmed: float, system: str, operation: str
) -> None:
    await write(
        database,
        "insert into effects (key, tenant, change_id, step, system, operation, request_hash, state,"
        " confirmed_at) values (%(key)s, 'acme', %(of)s, 's', %(system)s, %(operation)s, '', "
        "'confirmed', now() - %(ago)s * interval '1 s')",
        key=f"{of}/{system}/{operation}",
        of=of,
        ago=confirmed,
        system=system,
        operation=operation,
    )


async def asked(
    database: Database, key: str, of: str, opened: float, *, track: str = "books", **more: object
) -> None:
    """A question that is due an hour after it was asked; open, or answered so long ago."""
    values: dict[str, object] = {
        "answered": None,
        "code": "item_unmapped",
        "customer": "cus_1",
        **more,
    }
    await write(
        database,
        "insert into exceptions (id, tenant, change_id, track, belongs_to, customer_id, step, "
        "system, failure_class, code, fingerprint, owner, message, state, resolution, opened_at, "
        "due_at, resolved_at) select %(key)s, 'acme', %(of)s, %(track)s, %(of)s, %(customer)s, 's',"
        " 'erp', 'rejected', %(code)s, %(key)s, 'finance', '', "
        "case when ended is null then 'open' else 'resolved' end, "
        "case when ended is not null then 'retry' end, began, began + interval '1 h', ended "
        "from (select now() - %(opened)s * interval '1 s' as began, "
        "now() - %(answered)s::float * interval '1 s' as ended) as times",
        key=key,
        of=of,
        track=track,
        opened=opened,
        **values,
    )


@pytest.mark.parametrize(
    ("number", "system", "operation", "track"),
    [
        (Number.POSTING, "erp", "post invoice", "books"),
        (Number.ACTIVATION, "entitlements", "grant and withdraw", "access"),
        (Number.FRESHNESS, "support", "publish entitlement", "access"),
    ],
)
async def test_from_the_webhook_to_the_effect(
    database: Database, number: Number, system: str, operation: str, track: str
) -> None:
    # Within 10, 20 and 30 s; after 20 min; the last two are nobody's case.
    for key, received, confirmed in (
        ("quick", 1000, 990),
        ("middle", 2000, 1980),
        ("third", 3000, 2970),
        ("late", 9000, 7800),
        ("long_ago", 40 * 86400, 40 * 86400 - 10),
    ):
        await change(database, key, received)
        await effect(database, key, confirmed, system, operation)
    if system != "entitlements":
        await effect(database, "quick", 0, system, "something else")
    other = "books" if track == "access" else "access"
    for key, received, of in (
        ("waits", 7200, track),
        ("just_asked", 60, track),
        ("o", 7200, other),
    ):
        await change(database, key, received)
        await asked(database, f"exc_{key}", key, 50, track=of)

    month = await found(database, number)
    assert (month.cases, month.good, month.open) == (5, 3, 1)
    # 10, 20, 30, 1200 and two hours so far.
    assert month.median == pytest.approx(30, abs=1)
    assert month.p95 is not None
    assert 1200 < month.p95 < 7210
    # What was due longer ago was judged then: once, whenever it is done.
    hour = await found(database, number, window=HOUR)
    assert (hour.cases, hour.good, hour.open) == (3, 3, 0)


async def test_a_target_that_does_not_follow_is_not_done(database: Database) -> None:
    for target, state in (("app", "behind"), ("app2", "current"), ("support", "refused")):
        await write(
            database,
            "insert into target_states (tenant, target, customer_id, revision, state) "
            "values ('acme', %(target)s, 'cus_1', 2, %(state)s)",
            target=target,
            state=state,
        )
        await write(
            database,
            "insert into processes (workflow_id, tenant, kind, input, changed_at) values "
            "(%(id)s, 'acme', 'entitlement', '{}', now() - interval '10 min')",
            id=f"entitlement/acme/cus_1/{target}",
        )
    for number in (Number.ACTIVATION, Number.FRESHNESS):
        late = await found(database, number)
        assert (late.cases, late.good, late.open) == (1, 0, 1)
        # Not due yet, so nothing is known yet.
        assert (await found(database, number, seconds=3600)).cases == 0


async def test_customers_for_whom_somebody_was_asked_have_failed(database: Database) -> None:
    for customer in ("cus_1", "cus_2", "cus_3"):
        await write(
            database,
            "insert into mappings (tenant, kind, source, target, set_by) "
            "values ('acme', 'account', %(of)s, '{}', 'trueup')",
            of=customer,
        )
    await asked(database, "exc_1", "c1", 90, customer="cus_3", code="account_unmapped", answered=5)
    await asked(database, "exc_2", "c2", 90, customer="cus_4", code="account_ambiguous")
    await asked(database, "exc_3", "c3", 90, customer="cus_1", code="item_unmapped")
    failed = await found(database, Number.MAPPINGS, seconds=None)
    assert (failed.cases, failed.good) == (4, 2)


async def test_documents_of_which_both_sides_say_the_same(database: Database) -> None:
    await see(database, *(document(key) for key in ("in_1", "in_2", "in_3")))
    await post(database, document("in_1"))
    await post(database, document("in_3"), in_erp(document("in_3"), "103"))
    await write(database, "update documents set issued_at = now() - interval '2 h'")
    await write(database, "update documents set erp_open_minor = 1 where document_id = 'in_3'")
    told = await found(database, Number.INVOICES, seconds=3600)
    assert (told.cases, told.good) == (3, 1)
    # Younger than the target; then, on hold by a person.
    assert (await found(database, Number.INVOICES, seconds=3 * 3600)).cases == 0
    await write(database, "update documents set hold = '{}' where document_id = 'in_2'")
    assert (await found(database, Number.INVOICES, seconds=3600)).cases == 2


async def test_webhooks_that_were_read_again(database: Database) -> None:
    for number, (replays, ago) in enumerate([(0, 1), (0, 1), (0, 1), (2, 1), (0, 86400 * 40)]):
        await write(
            database,
            "insert into inbox (receipt, tenant, connection, event_id, event_type, status, body, "
            "replays, settled_at) values (%(id)s, 'acme', 'b', %(id)s, 't', 'dispatched', '', "
            "%(replays)s, now() - %(ago)s * interval '1 s')",
            id=f"evt_{number}",
            replays=replays,
            ago=ago,
        )
    again = await found(database, Number.REPLAYS, seconds=None)
    assert (again.cases, again.good) == (4, 3)


async def test_questions_are_due_as_their_team_has_promised(database: Database) -> None:
    await asked(database, "exc_soon", "c1", 1800, answered=600)
    await asked(database, "exc_late", "c2", 9000, answered=600)
    await asked(database, "exc_open", "c3", 7200)
    await asked(database, "exc_new", "c4", 60)
    by_team = await found(database, Number.RESOLUTION, seconds=None)
    assert (by_team.cases, by_team.good, by_team.open) == (3, 1, 1)
    by_target = await found(database, Number.RESOLUTION, seconds=600)
    assert (by_target.cases, by_target.good, by_target.open) == (3, 0, 1)


async def test_renewals_that_are_due_and_not_agreed(database: Database) -> None:
    await change(database, "in_time", 3600, kind="renewal", settled=3000.0)
    await change(database, "late", 9000, kind="renewal", settled=60.0)
    await change(database, "stopped", 9000, kind="renewal", settled=60.0, outcome="cancelled")
    await change(database, "no_renewal", 9000, settled=60.0)
    for of, due in (("sub_1", 10_000), ("sub_2", 60), ("sub_3", -86400)):
        await write(
            database,
            "insert into contracts (tenant, subscription_id, customer_id, renews_at, change_id) "
            "values ('acme', %(of)s, 'cus_1', now() - %(due)s * interval '1 s', 'c')",
            of=of,
            due=due,
        )
    lag = await found(database, Number.RENEWALS, seconds=7200)
    assert (lag.cases, lag.good, lag.open) == (3, 1, 1)


def test_burn_is_the_part_of_what_may_go_wrong_that_did() -> None:
    promise = Promise(seconds=60, objective=0.9)
    half = measure_of("30d", Measured(100, 95, 0, 1.0, 2.0), promise)
    assert (half.within, half.missed) == (0.95, 5)
    assert half.burn == pytest.approx(0.5)
    unknown = measure_of("1h", Measured(0, 0, 0, None, None), promise)
    assert (unknown.within, unknown.burn) == (None, None)
    with pytest.raises(ValueError, match="within how many"):
        NumbersPolicy(posting=Promise(objective=0.9))
    with pytest.raises(ValueError, match="leave out"):
        NumbersPolicy(replays=Promise(seconds=1, objective=0.9))
