"""Whose yes lets pass what policy holds back: N people of a role, of whom none has caused it, to
exactly what was shown."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.acts import Role
from canonical_models.decisions import DecisionMade, Entrance, Outcome, Target
from canonical_models.documents import SettlementKind
from canonical_models.exceptions import Action
from canonical_models.failures import RejectionCode
from canonical_models.money import Money
from canonical_models.policy import TenantPolicy
from canonical_models.preview import Comes, Mend
from canonical_models.views import ExceptionView
from operations import approving, exceptions, preview
from operations.context import AppContext
from operations.errors import Conflict
from operations.permissions import Forbidden
from persistence import decisions
from persistence.database import Database
from runtime.settings import ConnectionSettings, TenantSettings
from tests.api.stuck import at_temporal
from tests.batches.bulk import at_work
from tests.harness.sagas import Handle, Sagas, sagas_at_work
from tests.harness.subscriptions import invoice, item, line, paid, payment, snapshot, subscription
from tests.harness.systems import Systems, refused
from workflows.names import RESOLVE

TWO = {"on": "credit", "above": {"EUR": 20}, "roles": ["finance"], "people": 2}
_ANY = ConnectionSettings(
    vendor="stripe", base_url="http://127.0.0.1:9", books_from=date(2026, 10, 1)
)
SETTINGS = TenantSettings(billing="one", erp="one", support="one", connections={"one": _ANY})
FINANCE, OPERATIONS = {Role.FINANCE}, {Role.OPERATIONS}


@pytest.fixture
def context(database: Database, temporal: WorkflowEnvironment) -> AppContext:
    return at_temporal(database, temporal.client, SETTINGS)


class Asked:
    """A saga that has asked for a yes, and how people answer it."""

    def __init__(self, sagas: Sagas, context: AppContext, handle: Handle) -> None:
        self.sagas, self.context, self.handle = sagas, context, handle

    async def now(self) -> ExceptionView:
        found = await self.sagas.exception("chg_1")
        assert found.code == RejectionCode.APPROVAL_NEEDED.value
        return found

    async def approve(
        self,
        by: str,
        roles: Collection[Role] | None,
        *,
        digest: str | None = None,
        once: str | None = None,
    ) -> Outcome | None:
        """What comes of it at once; None where it was handed over to the saga."""
        asked = await self.now()
        decision = exceptions.Decision(action=Action.APPROVE)
        resolution = exceptions.resolution_of(asked.exception_id, decision, by=by)
        made, _ = await exceptions.decide(
            self.context, "acme", resolution, digest=digest, once=once, roles=roles
        )
        if made.outcome is None:
            await self.handle.execute_update(RESOLVE, resolution)
        return made.outcome

    async def done(self) -> str:
        return (await self.handle.result()).outcome

    @property
    def posted(self) -> list[int]:
        return [document.net.minor for document in self.sagas.systems.erp.documents]


@asynccontextmanager
async def asked(
    temporal: WorkflowEnvironment, context: AppContext, rules: list[dict[str, Any]]
) -> AsyncIterator[Asked]:
    """Of a credit of 80.00 EUR, after 200.00 EUR were posted."""
    policy = TenantPolicy.model_validate({"books": {"approvals": rules}})
    systems = Systems(policy=policy)
    async with sagas_at_work(temporal.client, context.database, systems) as sagas:
        sagas.systems.billing.snapshots["sub_1"] = snapshot(
            subscription(item("pro", 5)), invoice(line("il_1", 20000), key="in_0")
        )
        assert (await sagas.finish("chg_0")).outcome == "completed"
        shows(sagas, -8000)
        yield Asked(sagas, context, await sagas.start("chg_1"))


def shows(sagas: Sagas, minor: int) -> None:
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        subscription(item("starter", 5, 1000)),
        invoice(line("il_1", 20000), key="in_0"),
        invoice(line("ii_1", minor), key="in_1"),
    )


async def test_what_a_yes_would_bring_about_is_foreseen(
    temporal: WorkflowEnvironment, context: AppContext
) -> None:
    async with asked(temporal, context, [TWO]) as case, at_work(case.sagas) as working:
        waits = await case.now()
        found = await preview.of_exception(working.context, "acme", waits.exception_id, Mend())
        assert (found.comes, found.code) == (Comes.NEEDS_APPROVAL, waits.code)
        assert [each.net for each in found.documents] == [Money(minor=-8000, currency="EUR")]
        # It is nobody's yes.
        assert await case.now() == waits
        assert case.posted == [20000]


async def test_it_takes_two_of_the_role(temporal: WorkflowEnvironment, context: AppContext) -> None:
    async with asked(temporal, context, [TWO]) as case:
        before = await case.now()
        assert await case.approve("fay", FINANCE) is Outcome.DONE
        # The question is the same one, with its clock; nothing was planned anew meanwhile.
        assert await case.now() == before
        assert case.posted == [20000]

        shown = await exceptions.show(context, "acme", before.exception_id)
        assert shown.approval is not None
        (standing,) = shown.approval.standing
        assert (standing.given, standing.missing) == (("fay",), 1)

        assert await case.approve("dana", FINANCE, digest=shown.digest) is None
        assert await case.done() == "completed"
        assert case.posted == [20000, -8000]


async def test_one_says_it_once(temporal: WorkflowEnvironment, context: AppContext) -> None:
    async with asked(temporal, context, [TWO]) as case:
        await case.approve("fay", FINANCE, once="k1")
        assert await case.approve("fay", FINANCE, once="k1") is Outcome.DONE
        with pytest.raises(Conflict, match="fay has approved in_1 already") as refusal:
            await case.approve("fay", FINANCE)
        assert refusal.value.remedy == "it needs the yes of 2 people of finance"
        assert case.posted == [20000]


@pytest.mark.parametrize("roles", [OPERATIONS, set(), None])
async def test_the_role_is_needed_and_a_programs_key_has_none(
    temporal: WorkflowEnvironment, context: AppContext, roles: set[Role] | None
) -> None:
    async with asked(temporal, context, [TWO]) as case:
        with pytest.raises(Forbidden, match="ops may not approve in_1") as refusal:
            await case.approve("ops", roles)
        assert refusal.value.roles == (Role.FINANCE,)
        assert await kept(case) == []


@pytest.mark.parametrize(
    ("action", "on", "target", "brought"),
    [
        ("release", Target.DOCUMENT, "in_1", None),
        ("set", Target.MAPPING, "item/pro", None),
        # By the correction of another case, and by the mend of a cause.
        ("correct", Target.EXCEPTION, "exc_else", {"item": {"item": "pro", "erp_item": "X"}}),
        ("release", Target.CAUSE, "c1", {"account": {"billing_customer": "cus_1"}}),
        ("release", Target.CAUSE, "c1", {"document": {"document_id": "in_1"}}),
    ],
)
async def test_nobody_approves_what_they_have_caused(
    temporal: WorkflowEnvironment,
    context: AppContext,
    action: str,
    on: Target,
    target: str,
    brought: dict[str, Any] | None,
) -> None:
    async with asked(temporal, context, [TWO | {"people": 1}]) as case:
        made = DecisionMade(
            by="fay", action=action, target_kind=on, target_id=target, after=brought
        )
        of_others = made.model_copy(
            update={"by": "dana", "target_id": "other", "after": {"item": {"item": "other"}}}
        )
        await case.now()
        async with context.database.transaction() as conn:
            await decisions.record(conn, "acme", Entrance(), made)
            await decisions.record(conn, "acme", Entrance(), of_others)
        with pytest.raises(Forbidden, match="fay has caused this") as refusal:
            await case.approve("fay", FINANCE)
        assert refusal.value.but == "fay"
        await case.approve("dana", FINANCE)
        assert await case.done() == "completed"


async def test_what_has_changed_is_asked_again_and_says_so(
    temporal: WorkflowEnvironment, context: AppContext
) -> None:
    async with asked(temporal, context, [TWO]) as case:
        shown = await exceptions.show(context, "acme", (await case.now()).exception_id)
        await case.approve("fay", FINANCE)
        shows(case.sagas, -9000)
        await case.approve("dana", FINANCE)

        # Both had said yes to -80.00, and nobody to -90.00.
        anew = await case.sagas.exception("chg_1")
        assert "credits 90.00 EUR" in anew.message
        assert "is not what dana, fay approved" in anew.message
        assert case.posted == [20000]
        with pytest.raises(Conflict, match="asks something else than what was looked at"):
            await case.approve("fay", FINANCE, digest=shown.digest)
        await case.approve("fay", FINANCE)
        await case.approve("dana", FINANCE)
        assert await case.done() == "completed"
        assert case.posted == [20000, -9000]


async def test_the_same_content_keeps_its_yes(
    temporal: WorkflowEnvironment, context: AppContext
) -> None:
    """What was refused behind it, and is planned again, is not asked about again."""
    async with asked(temporal, context, [TWO]) as case:
        await case.now()
        case.sagas.systems.script.faults["erp.post"] = [refused(RejectionCode.PERIOD_CLOSED)]
        await case.approve("fay", FINANCE)
        await case.approve("dana", FINANCE)
        closed = await case.sagas.exception("chg_1")
        assert closed.code == RejectionCode.PERIOD_CLOSED.value
        await case.sagas.resolve(case.handle, closed.exception_id, Action.RETRY)
        assert await case.done() == "completed"
        assert case.posted == [20000, -8000]


async def test_each_rule_is_met_by_itself(
    temporal: WorkflowEnvironment, context: AppContext
) -> None:
    other = {"on": "credit", "above": {"EUR": 50}, "roles": ["operations"]}
    async with asked(temporal, context, [TWO | {"people": 1}, other]) as case:
        assert await case.approve("fay", FINANCE) is Outcome.DONE
        await case.approve("otto", OPERATIONS)
        assert await case.done() == "completed"


async def test_one_person_of_both_roles_meets_both(
    temporal: WorkflowEnvironment, context: AppContext
) -> None:
    other = {"on": "credit", "roles": ["operations"]}
    async with asked(temporal, context, [TWO | {"people": 1}, other]) as case:
        await case.approve("fay", FINANCE | OPERATIONS)
        assert await case.done() == "completed"


async def test_once_it_is_late_the_next_in_line_may_and_nothing_lapses(
    temporal: WorkflowEnvironment, context: AppContext
) -> None:
    late = TWO | {"people": 1, "then": ["operations"]}
    async with asked(temporal, context, [late]) as case:
        waiting = await case.now()
        with pytest.raises(Forbidden):
            await case.approve("otto", OPERATIONS)
        async with context.database.transaction() as conn:
            await conn.execute(
                "update exceptions set escalated_at = now() where id = %s", (waiting.exception_id,)
            )
        await case.approve("otto", OPERATIONS)
        assert await case.done() == "completed"
        assert case.posted == [20000, -8000]


@pytest.mark.parametrize(
    ("rule", "asked_about", "words"),
    [
        ({"on": "refund", "above": {"EUR": 10}}, "re_1", "refund re_1 gives back 12.00 EUR"),
        ({"on": "refund"}, "re_1", "refund re_1 gives back 12.00 EUR"),
    ],
)
async def test_money_that_goes_back_is_asked_about(
    temporal: WorkflowEnvironment,
    context: AppContext,
    rule: dict[str, Any],
    asked_about: str,
    words: str,
) -> None:
    policy = TenantPolicy.model_validate({"books": {"approvals": [rule]}})
    systems = Systems(policy=policy)
    async with sagas_at_work(temporal.client, context.database, systems) as sagas:
        back = payment(-1200, key="re_1", of="in_0").model_copy(
            update={"kind": SettlementKind.REFUND, "document_id": None, "about": "in_0"}
        )
        issued = paid(invoice(line("il_1", 20000), key="in_0"), payment(20000, of="in_0"))
        issued = issued.model_copy(update={"settlements": (*issued.settlements, back)})
        sagas.systems.billing.snapshots["sub_1"] = snapshot(subscription(item("pro", 5)), issued)
        handle = await sagas.start("chg_1")
        waiting = await sagas.exception("chg_1")
        assert (waiting.code, waiting.subject) == ("approval_needed", asked_about)
        assert words in waiting.message
        case = Asked(sagas, context, handle)
        await case.approve("fay", FINANCE)
        assert await case.done() == "completed"
        entered = [entry.amount.minor for entry in sagas.systems.erp.entries]
        assert sorted(entered) == [-1200, 20000]


async def kept(case: Asked) -> list[str]:
    async with case.context.database.statement() as conn:
        stands = await approving.stands(conn, "acme", await case.now())
    assert stands is not None
    return [each.by for each in stands.said]
