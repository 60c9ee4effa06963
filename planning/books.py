"""The books half of a plan: which documents and movements the ERP is to hold, proven beforehand.

Documents go in the order of their dates, up to the first that is refused: what is booked before it
is not held up, what comes after it waits. Pure.
"""

from contextlib import suppress

from canonical_models.amendment import BooksPlan, DocumentStep, Refusal
from canonical_models.failures import Rejection
from canonical_models.ledgering import LedgerQuestion
from canonical_models.mapping import AccountMapping
from planning.choosing import Act, Choice, choices
from planning.documents import question_of, step_of
from planning.given import UNBILLED, BooksInput
from planning.refusals import unmapped_account
from planning.settling import debts, due, plan_settlements, to_enter
from planning.unbilled import plan_unbilled, unbilled_question

__all__ = ["UNBILLED", "BooksInput", "plan_books", "questions"]


def questions(given: BooksInput) -> dict[str, LedgerQuestion]:
    """What the ERP is to be asked, by the keys of `BooksInput.answers`: the id of each document,
    one for each day on which money moved, and UNBILLED. What cannot be asked, and what comes after
    it, is left out: there the plan refuses."""
    asked: dict[str, LedgerQuestion] = {}
    if given.account is not None:
        work = _work(choices(given))
        # Of these there is nothing to ask.
        linked = {each.document_id for each in work if each.act is Act.LINK}
        with suppress(Rejection):
            for choice in work:
                if choice.document_id not in linked:
                    asked[choice.document_id] = question_of(given, given.account, choice)
        for each in due(given, given.account, {*asked, *linked}):
            asked |= {each.key(day): each.question(day, given) for day in each.days}
    with suppress(Rejection):
        unbilled = unbilled_question(given)
        if unbilled is not None:
            asked[UNBILLED] = unbilled
    return asked


def plan_books(given: BooksInput) -> BooksPlan:
    """What is refused is a value of the plan. Every answer to `questions` has to be there: KeyError
    otherwise."""
    made = choices(given)
    work = _work(made)
    unbilled = plan_unbilled(given)
    plan = BooksPlan(
        left_out={each.document_id: each.why for each in made if each.act is Act.STAY_OUT},
        unbilled=unbilled.draft,
        unbilled_gone=unbilled.gone,
        unbilled_problem=unbilled.problem,
        debts=debts(given),
    )
    if given.account is None:
        anything = work or to_enter(given, ()) or given.account_wanted
        refusal = Refusal.of(unmapped_account(given.customer_id)) if anything else None
        return plan.model_copy(update={"refused": refusal})
    steps, refusal = _documents(given, given.account, work)
    planned = {step.document_id for step in steps}
    settlements, unsettled = plan_settlements(given, given.account, planned)
    booked = {"documents": steps, "settlements": settlements, "refused": refusal or unsettled}
    return plan.model_copy(update=booked)


def _work(made: tuple[Choice, ...]) -> tuple[Choice, ...]:
    return tuple(choice for choice in made if choice.due)


def _documents(
    given: BooksInput, account: AccountMapping, work: tuple[Choice, ...]
) -> tuple[tuple[DocumentStep, ...], Refusal | None]:
    steps: list[DocumentStep] = []
    for choice in work:
        try:
            steps.append(step_of(given, account, choice))
        except Rejection as why:
            return tuple(steps), Refusal.of(why)
    return tuple(steps), None
