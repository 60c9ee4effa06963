"""What a plan is taken to mean: what goes on from an earlier one, what is a question of which half,
and what the saga is told of it. Pure."""

from collections.abc import Mapping

from activities.contracts.amendment import PlannedDocument, Prepared
from activities.contracts.failure import Question
from canonical_models.amendment import AmendmentPlan, ChangeKind, DocumentStep, Refusal
from canonical_models.documents import Untold
from canonical_models.failures import RejectionCode
from canonical_models.mapping import AccountMapping
from canonical_models.policy import TenantPolicy
from persistence.planning_context import PlanningContext

_UNMAPPED = RejectionCode.ACCOUNT_UNMAPPED


def without_organization(
    plan: AmendmentPlan, account: AccountMapping, why: str | None = None
) -> AmendmentPlan:
    """Support has nobody to show anything of; what may be used does not depend on it."""
    refusal = Refusal(
        code=RejectionCode.ORGANIZATION_UNKNOWN.value,
        message=why
        or f"the support platform has no organisation {account.support_organization} "
        f"(billing customer {account.billing_customer}): create it there, or correct the mapping",
        system="support",
        subject=account.support_organization,
    )
    access = plan.access.model_copy(
        update={"support": None, "organization": None, "refused": plan.access.refused or refusal}
    )
    return plan.model_copy(update={"access": access})


def without_refused(plan: AmendmentPlan, refused: Mapping[str, Untold]) -> AmendmentPlan:
    """A document that billing cannot tell whole is a question of the books, and of nothing else."""
    if not refused or plan.books.refused is not None:
        return plan
    document_id, why = min(refused.items())
    refusal = Refusal(code=why.code, message=why.message, system="billing", subject=document_id)
    books = plan.books.model_copy(update={"refused": refusal})
    return plan.model_copy(update={"books": books})


def with_master_data(plan: AmendmentPlan) -> AmendmentPlan:
    told, what = plan.amendment, "name, address or tax ids have changed"
    if told.kind is ChangeKind.NONE:
        told = told.model_copy(update={"kind": ChangeKind.ACCOUNT, "summary": what})
    else:
        told = told.model_copy(update={"summary": f"{what}; {told.summary}"})
    return plan.model_copy(update={"master_data": True, "amendment": told})


def since_it_began(plan: AmendmentPlan, known: PlanningContext) -> AmendmentPlan:
    """A change that is planned again is still called what it was, where that part of it is done,
    and goes back to what was before it began."""
    first = known.plan
    if first is None:
        grants, contribution = plan.access.grants_before, plan.access.contribution_before
    else:
        grants, contribution = first.access.agreed_grants, first.access.agreed_contribution
    access = plan.access.model_copy(
        update={"agreed_grants": grants, "agreed_contribution": contribution}
    )
    told = plan.amendment
    if first is not None and told.kind is ChangeKind.NONE:
        told = first.amendment
    return plan.model_copy(update={"access": access, "amendment": told})


def unmapped(plan: AmendmentPlan) -> bool:
    """Whether it was made without the customer's account."""
    refused = (plan.books.refused, plan.access.refused)
    return any(each is not None and each.code == _UNMAPPED.value for each in refused)


def brief(
    plan: AmendmentPlan,
    *,
    account: AccountMapping | None,
    policy: TenantPolicy,
    lane: str | None = None,
) -> Prepared:
    """What the saga is told. An `account` that is not there is made, where the policy says so."""
    books, access = plan.books, plan.access
    books_question = Question.of(books.refused) if books.refused else None
    access_question = Question.of(access.refused) if access.refused else None
    missing = None
    if account is None and policy.accounts.create:
        # The books' track makes it, and both halves are planned again.
        missing, books_question = plan.amendment.customer_id, None
        if access_question is not None and access_question.is_about(_UNMAPPED):
            access_question = None
    return Prepared(
        digest=plan.digest,
        kind=plan.amendment.kind,
        summary=plan.amendment.summary,
        amount=books.amount,
        documents=tuple(
            PlannedDocument(
                document_id=step.document_id,
                words=_words(step),
                void=step.void,
                found=not step.void and step.draft is None,
                lines=len(step.draft.lines) if step.draft else 0,
            )
            for step in books.documents
        ),
        settlements=bool(books.settlements),
        unbilled=books.unbilled is not None or books.unbilled_gone is not None,
        books_question=books_question,
        access=not access.empty or plan.master_data,
        access_waits=access.gives and policy.access == "after_posting",
        access_question=access_question,
        account_missing=missing,
        lane=lane,
    )


def _words(step: DocumentStep) -> str:
    name = step.number or step.document_id
    if step.void:
        return f"taking {name} back out of the books"
    if step.posted is not None or step.draft is None:
        return f"linking {name} with {step.posted}"
    return f"posting {name} over {step.draft.gross}"
