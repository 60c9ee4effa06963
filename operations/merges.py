"""An organisation that the desk no longer has, because people have merged it with another: the form
of its case proposes that one. Whether both are one customer is a person's to say."""

from datetime import UTC, datetime, timedelta

from canonical_models.entitlement import MergedOrganization
from canonical_models.failures import RejectionCode
from canonical_models.mapping import AccountMapping
from canonical_models.mends import ACCOUNT, Form
from canonical_models.preview import Mend
from canonical_models.states import ExceptionState
from canonical_models.views import ExceptionView
from connectors.ports import TicketingPort
from operations.context import AppContext
from operations.proposing import Proposal
from operations.support_fresh import asked
from persistence import drafts, effects, mappings
from persistence.drafts import DraftRow

#: For so long what the desk said is not asked again: what people see does not move meanwhile.
_OLD = timedelta(hours=1)


async def proposed(context: AppContext, tenant: str, exception: ExceptionView, form: Form) -> Form:
    """The form with the mapping as it holds now, but to the organisation that its own was merged
    into; as it was given where it was not merged, or the desk does not say. What it says is kept
    with the cause, and asked for where nobody has looked within the hour."""
    gone, customer = exception.subject, exception.customer_id
    of_this = exception.code == RejectionCode.ORGANIZATION_UNKNOWN.value
    if not of_this or exception.state is not ExceptionState.OPEN or not gone or not customer:
        return form
    async with context.database.statement() as conn:
        row = await drafts.of_cause(conn, tenant, exception.cause_id)
        account = (await mappings.accounts_now(conn, tenant, [customer])).get(customer)
        known = await effects.last_reference(conn, effects.organization_set(tenant, gone))
    if row is None or account is None or account.support_organization != gone or known is None:
        return form
    said = _said(row) or await _ask(context, tenant, row, account, known)
    if said is None or said.mend is None or said.mend.account is None:
        return form
    mapping = account.model_copy(
        update={"support_organization": said.mend.account.support_organization, "valid_from": None}
    )
    values = mapping.model_dump(mode="json", exclude={"billing_customer"}, exclude_none=True)
    inputs = tuple(
        each.model_copy(update={"proposed": values, "why": said.why})
        if each.name == ACCOUNT.name
        else each
        for each in form.inputs
    )
    return form.model_copy(update={"inputs": inputs})


def _said(row: DraftRow) -> Proposal | None:
    young = row.proposed_at is not None and row.proposed_at > datetime.now(UTC) - _OLD
    return Proposal.kept(row.proposed) if young else None


async def _ask(
    context: AppContext, tenant: str, row: DraftRow, account: AccountMapping, known: str
) -> Proposal | None:
    """None where the desk did not answer: that it is gone is said all the same."""

    async def merged(port: TicketingPort) -> tuple[MergedOrganization | None]:
        return (await port.merged_into(known),)

    answer = await asked("the support desk", context.support(tenant), merged)
    if answer.value is None:
        return None
    (heir,) = answer.value
    found = Proposal()
    if heir is not None and heir.external_id is not None:
        mapping = account.model_copy(update={"support_organization": heir.external_id})
        found = Proposal(
            mend=Mend(account=mapping),
            why=f"support has merged {account.support_organization} into {heir.external_id}",
        )
    async with context.database.statement() as conn:
        await drafts.propose(conn, tenant, row.cause_id, found.model_dump(mode="json"))
    return found
