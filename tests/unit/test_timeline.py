"""Where a change stands, in a sentence, and what has happened to it, oldest first."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from canonical_models.amendment import ChangeKind
from canonical_models.decisions import DecisionView, Door, Outcome, Target
from canonical_models.effects import EffectState
from canonical_models.states import ChangeOutcome, ChangeState, ExceptionState
from canonical_models.views import ChangeView, EffectView, ExceptionView, Happening
from operations.timeline import Step, in_words, timeline

NOT_BEGUN = "it is not begun, nor is what comes after it, until it is released."
NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)


def at(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


def change(**changes: Any) -> ChangeView:
    given: dict[str, Any] = {
        "change_id": "chg_1",
        "seq": 1,
        "tenant": "acme",
        "connection": "billing",
        "subject": "sub_1",
        "subscription_id": "sub_1",
        "customer_id": "cus_1",
        "event_id": "evt_1",
        "kind": ChangeKind.UPGRADE,
        "lane": 1,
        "state": ChangeState.RUNNING,
        "outcome": None,
        "stage": None,
        "summary": None,
        "run_id": None,
        "plan_digest": None,
        "occurred_at": at(0),
        "received_at": at(1),
        "started_at": None,
        "settled_at": None,
    }
    return ChangeView(**given | changes)


def question(**changes: Any) -> ExceptionView:
    given: dict[str, Any] = {
        "exception_id": "exc_1",
        "tenant": "acme",
        "change_id": "chg_1",
        "track": "books",
        "belongs_to": "sub_1",
        "subscription_id": "sub_1",
        "customer_id": "cus_1",
        "step": "plan and post",
        "system": "trueup",
        "failure_class": "rejected",
        "code": "item_unmapped",
        "subject": "ai",
        "fingerprint": "f" * 16,
        "owner": "finance",
        "message": "ai has no item",
        "at_risk": None,
        "state": ExceptionState.OPEN,
        "resolution": None,
        "resolved_by": None,
        "note": None,
        "opened_at": at(3),
        "due_at": at(63),
        "escalated_at": None,
        "resolved_at": None,
    }
    return ExceptionView(**given | changes)


def effect(**changes: Any) -> EffectView:
    given: dict[str, Any] = {
        "key": "document:acme/in_1",
        "step": "erp.document/in_1",
        "system": "erp",
        "operation": "post invoice",
        "state": EffectState.CONFIRMED,
        "attempts": 1,
        "document": "INV-1",
        "url": None,
        "undo_document": None,
        "error": None,
        "created_at": at(4),
        "attempted_at": at(4),
        "confirmed_at": at(5),
        "compensated_at": None,
    }
    return EffectView(**given | changes)


def decision(**changes: Any) -> DecisionView:
    given: dict[str, Any] = {
        "decision_id": "dec_1",
        "by": "fay",
        "action": "retry",
        "target_kind": Target.EXCEPTION,
        "target_id": "exc_1",
        "reason": "it is mapped",
        "at": at(6),
        "door": Door.CLI,
        "delivered_at": at(7),
        "outcome": Outcome.DONE,
    }
    return DecisionView(**given | changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"state": ChangeState.PENDING, "taken_in_by": "chg_0"},
            "Taken in by chg_0: the saga of that change carries it out, too.",
        ),
        (
            {"state": ChangeState.PENDING, "held": True, "summary": "month end"},
            f"Held (month end): {NOT_BEGUN}",
        ),
        (
            {"state": ChangeState.PENDING, "held": True, "summary": ""},
            f"Held (by a person): {NOT_BEGUN}",
        ),
        (
            {"state": ChangeState.PENDING},
            "Waits for its turn: changes of a subscription are made one after the other.",
        ),
        (
            {"state": ChangeState.PENDING, "subject": "account:cus_1"},
            "Waits for its turn: changes of an account are made one after the other.",
        ),
        ({"state": ChangeState.STARTING}, "The saga is being started."),
        ({"summary": "5 to 7 seats"}, "At work: 5 to 7 seats."),
        ({}, "At work."),
        (
            {"state": ChangeState.WAITING},
            "Goes on in a moment: its exception has been decided.",
        ),
        (
            {"state": ChangeState.SETTLED, "outcome": ChangeOutcome.NO_CHANGE},
            "Nothing to do: every system agreed already.",
        ),
        (
            {
                "state": ChangeState.SETTLED,
                "outcome": ChangeOutcome.CANCELLED,
                "summary": "by fay",
            },
            "Cancelled before anything was changed (by fay).",
        ),
    ],
)
def test_where_a_change_stands(changes: dict[str, Any], words: str) -> None:
    assert in_words(change(**changes), ()) == words


def test_a_change_that_waits_says_for_whom_and_the_older_question_first() -> None:
    waiting = change(state=ChangeState.WAITING)
    younger = question(exception_id="exc_2", opened_at=at(9), owner="support", track="access")
    said = in_words(waiting, (younger, question()))
    assert said.startswith("Waits for finance: ai has no item. Exception exc_1 takes retry,")
    assert said.index("exc_1") < said.index("exc_2")
    made = decision(outcome=None, delivered_at=None)
    said = in_words(waiting, (question(),), (made, decision(target_id="exc_2")))
    assert said == "retry by fay is being handed over: ai has no item."
    # Of what has settled nothing is asked any more, nor of what was answered.
    settled = change(state=ChangeState.SETTLED, outcome=ChangeOutcome.COMPLETED)
    assert "every system agrees" in in_words(settled, (question(),)).lower()
    answered = question(state=ExceptionState.RESOLVED)
    assert in_words(waiting, (answered,)) == "Goes on in a moment: its exception has been decided."


def steps(of: ChangeView, *effects: EffectView, **given: Any) -> list[Step]:
    told = timeline(
        of,
        effects,
        given.get("exceptions", ()),
        given.get("decisions", ()),
        receipt="rcp_1",
        run=None,
    )
    assert list(told) == sorted(told, key=lambda step: step.at)
    return list(told)


def test_what_happened_is_told_from_the_event_to_the_proof() -> None:
    done = change(
        state=ChangeState.SETTLED,
        outcome=ChangeOutcome.COMPLETED,
        started_at=at(2),
        run_id="r",
        settled_at=at(9),
    )
    told = steps(done, effect(attempts=3))
    assert [(step.system, step.state) for step in told] == [
        ("billing", "happened"),
        ("trueup", "received"),
        ("temporal", "started"),
        ("erp", "confirmed"),
        ("trueup", "completed"),
    ]
    assert (told[1].document, told[3].note) == ("rcp_1", "in_1; attempt 3")


def test_what_is_undone_is_told_twice_where_it_had_happened_and_once_where_not() -> None:
    back = effect(state=EffectState.COMPENSATED, compensated_at=at(8), undo_document="INV-2")
    first, second = (step for step in steps(change(), back) if step.system == "erp")
    assert (first.what, first.state, first.at) == ("post invoice", "confirmed", at(5))
    assert (second.what, second.document, second.at) == ("undo: post invoice", "INV-2", at(8))
    never = effect(state=EffectState.COMPENSATED, confirmed_at=None, compensated_at=at(8))
    (only,) = (step for step in steps(change(), never) if step.system == "erp")
    assert (only.what, only.note) == ("undo: post invoice", "it had not happened")


def test_a_question_that_was_late_and_its_answer_are_told_once() -> None:
    asked = question(
        escalated_at=at(5),
        state=ExceptionState.RESOLVED,
        resolution="retry",
        resolved_by="fay",
        resolved_at=at(7),
        note="it is mapped",
    )
    alone = [(step.state, step.what) for step in steps(change(), exceptions=(asked,))][2:]
    assert alone == [
        ("exception", "plan and post: item unmapped"),
        ("escalated", "finance has not answered in time"),
        ("resolved", "retry by fay"),
    ]
    kept = steps(change(), exceptions=(asked,), decisions=(decision(),))
    assert [step.what for step in kept if step.state == "resolved"] == [
        "retry by fay, by the command line"
    ]


@pytest.mark.parametrize(
    ("changes", "state", "what"),
    [
        ({"outcome": None, "delivered_at": None}, "underway", "retry by fay, by the command line"),
        ({"outcome": Outcome.VOID}, "void", "retry by fay, by the command line"),
        (
            {"target_kind": Target.CHANGE, "target_id": "chg_1", "action": "cancel"},
            "decided",
            "cancel of change by fay, by the command line",
        ),
    ],
)
def test_a_decision_says_what_became_of_it(changes: dict[str, Any], state: str, what: str) -> None:
    told = steps(change(), decisions=(decision(**changes),))[-1]
    assert (told.state, told.what) == (state, what)


def test_what_was_done_to_a_change_is_told_and_by_its_decision_where_that_is_kept() -> None:
    held = Happening(at=at(4), what="held", note="by fay")
    again = Happening(at=at(5), what="requeued", note="the saga timed out")
    told = steps(change(happened=(held, again)))
    assert [(step.state, step.note) for step in told[2:]] == [
        ("held", "by fay"),
        ("requeued", "the saga timed out"),
    ]
    hold = decision(target_kind=Target.CHANGE, target_id="chg_1", action="hold")
    told = steps(change(happened=(held, again)), decisions=(hold,))
    assert [step.state for step in told[2:]] == ["requeued", "decided"]
