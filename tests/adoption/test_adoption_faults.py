"""Wherever taking a customer over is cut short, the next time comes to the same end."""

import psycopg
import pytest

from activities.adoption_customer import Adopting
from canonical_models.adoption import AdoptionResult
from canonical_models.commerce import BilledCustomer
from canonical_models.failures import TransientFailure
from persistence import subscriptions
from tests.adoption.golive import CUTOVER, GoLive, in_erp, old, sold
from tests.harness.subscriptions import AS_OF, invoice, line, paid, payment
from tests.harness.systems import lost

_QUEUED = """
insert into changes (id, tenant, connection, subject, subscription_id, event_id, kind, state)
values ('chg_' || %s, 'acme', 'stripe', %s, %s, 'evt_' || %s, 'other', %s)
"""


_AGREED = """
insert into subscription_states (tenant, subscription_id, customer_id, change_id, snapshot)
values ('acme', 'sub_1', 'cus_1', 'chg_0', %s)
"""


class Killed(Exception):
    """The process ended."""


def customer(number: int) -> BilledCustomer:
    return BilledCustomer(
        customer_id=f"cus_{number}",
        subscriptions=(f"sub_{number}",),
        open_documents=(f"in_{number}", f"in_new_{number}"),
    )


async def prepared(golive: GoLive, number: int) -> None:
    """One open document that was paid since, and one that was issued since."""
    await golive.maps(number)
    of = f"in_{number}"
    before = old(of, number=number)
    since = paid(before, payment(5000, key=f"pi_{number}", of=of, at=CUTOVER))
    new = invoice(
        line(f"il_new_{number}", 700, of=f"sub_{number}"),
        key=f"in_new_{number}",
        customer=f"cus_{number}",
        issued_at=AS_OF,
    )
    golive.sells(sold(since, new, number=number))
    golive.systems.erp.documents.append(in_erp(before, str(number), party=f"C-{number}"))


async def test_wherever_it_is_killed_it_goes_on(golive: GoLive) -> None:
    adopting, script = Adopting(golive.database), golive.systems.script
    number = 100
    await prepared(golive, number)
    script.calls.clear()
    await adopting.adopt_customer(golive.systems.tenant, customer(number), rehearse=False)
    calls = list(script.calls)
    assert "support.publish" in calls

    for place in range(len(calls)):
        number += 1
        await prepared(golive, number)
        script.calls.clear()

        def kill(name: str, place: int = place) -> None:
            del name
            if len(script.calls) > place:
                raise Killed

        script.on_call = kill
        with pytest.raises(Killed):
            await adopting.adopt_customer(golive.systems.tenant, customer(number), rehearse=False)
        assert not await golive.agreed(f"sub_{number}")

        script.on_call = None
        found = await adopting.adopt_customer(
            golive.systems.tenant, customer(number), rehearse=False
        )
        assert (found.findings, found.figures.given, found.figures.linked) == ((), 1, 1)
        assert await golive.agreed(f"sub_{number}")
        assert await golive.linked(f"in_{number}") == str(number)
        assert len(await golive.sagas.grants(f"sub_{number}")) == 2
        assert golive.systems.support.shown[f"cus_{number}"].tier == "premium"
    asked = [subject for subject, *_ in await golive.asked()]
    assert sorted(asked) == [f"sub_{each}" for each in range(100, number + 1)]


@pytest.mark.parametrize("happened", [True, False], ids=["happened", "never happened"])
async def test_a_lost_answer_of_support_is_written_again(golive: GoLive, happened: bool) -> None:
    golive.sells(sold())
    golive.systems.script.faults["support.publish"] = [lost("support", happened=happened)]
    found = await golive.only()
    assert found.result is AdoptionResult.AGREED
    assert golive.systems.support.shown["cus_1"].tier == "premium"


async def test_a_change_that_begins_meanwhile_goes_first(golive: GoLive) -> None:
    golive.sells(sold())

    def arrives(name: str) -> None:
        if name == "support.publish":
            golive.systems.script.on_call = None
            queue(golive, "1", "pending")

    golive.systems.script.on_call = arrives
    found = await golive.only()
    assert (found.findings, found.figures.given) == ((), 0)
    assert not await golive.agreed()
    assert await golive.sagas.grants() == ()


async def test_what_a_change_has_agreed_on_meanwhile_stays(golive: GoLive) -> None:
    golive.sells(sold())
    newer = sold().subscription.model_copy(update={"metadata": {"seen": "by the change"}})

    def agrees(name: str) -> None:
        if name == "erp.open_items":
            golive.systems.script.on_call = None
            with psycopg.connect(golive.database.dsn) as connection:
                connection.execute(_AGREED, (newer.model_dump_json(),))

    golive.systems.script.on_call = agrees
    found = await golive.only()
    assert (found.findings, found.figures.given) == ((), 0)
    async with golive.database.transaction() as conn:
        state = await subscriptions.get(conn, "acme", "sub_1")
    assert state is not None
    assert (state.change_id, state.subscription) == ("chg_0", newer)


async def test_a_customer_that_never_rests_is_tried_again(golive: GoLive) -> None:
    """It never comes to its rows: each time another change has just come and gone."""
    await prepared(golive, 1)
    numbers = iter(range(1000))

    def arrives(name: str) -> None:
        if name == "billing.snapshot":
            settle(golive)
        if name == "erp.open_items":
            queue(golive, str(next(numbers)), "pending")

    golive.systems.script.on_call = arrives
    with pytest.raises(TransientFailure, match="begin faster than it can be taken over"):
        await Adopting(golive.database).adopt_customer(
            golive.systems.tenant, customer(1), rehearse=False
        )
    assert not await golive.agreed()


async def test_what_somebody_mapped_meanwhile_is_kept(golive: GoLive) -> None:
    """Mapped for later by a person: nothing certain replaces it."""
    async with golive.database.statement() as conn:
        await conn.execute(
            "insert into mappings (tenant, kind, source, target, valid_from, set_by) values "
            "('acme', 'account', 'cus_7', '{}', now() + interval '1 day', 'anna')"
        )
    await golive.maps(7)
    async with golive.database.statement() as conn:
        found = await conn.execute("select set_by from mappings where source = 'cus_7'")
        assert await found.fetchall() == [("anna",)]


def queue(golive: GoLive, key: str, state: str, of: str = "sub_1") -> None:
    with psycopg.connect(golive.database.dsn) as connection:
        connection.execute(_QUEUED, (key, of, of, key, state))


def settle(golive: GoLive) -> None:
    with psycopg.connect(golive.database.dsn) as connection:
        connection.execute("update changes set state = 'settled', outcome = 'no_change'")
