"""Every cause that can be asked of people has its mend, and none is there that nothing raises."""

import re
from itertools import chain

import pytest
from pydantic import ValidationError

from canonical_models.exceptions import (
    CONTRACT_CHANGED,
    SAGA_LOST,
    VENDOR_AWAY,
    Action,
    DocumentCorrection,
    Resolution,
)
from canonical_models.failures import FailureClass, RejectionCode
from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.mends import (
    ACCOUNT,
    DECIDED_ALONE,
    ITEM,
    MENDS,
    NEVER_ASKED,
    TIMED_OUT,
    UNEXPECTED,
    Where,
    decisions_of,
    form_of,
    scopes_of,
)
from tests.architecture.repository import ROOT

RAISED = {
    *(code.value for code in RejectionCode),
    *(kind.value for kind in FailureClass if kind not in NEVER_ASKED),
    *(UNEXPECTED, TIMED_OUT, SAGA_LOST, VENDOR_AWAY, CONTRACT_CHANGED),
}


def test_no_code_is_missing_and_none_is_unknown() -> None:
    assert {str(code) for code in MENDS} == RAISED
    assert set(DECIDED_ALONE) <= RAISED


@pytest.mark.parametrize("code", sorted(RAISED))
def test_a_form_says_all_that_is_needed_to_decide(code: str) -> None:
    mend, form = MENDS[code], form_of(code, known={})
    assert form.where
    assert (form.where == (Where.NOBODY,)) == (not form.decisions)
    assert tuple(decision.action for decision in form.decisions) == decisions_of(code)
    assert (Action.CORRECT in decisions_of(code)) == bool(form.inputs)
    assert re.fullmatch(r"[a-z_]+", form.words)
    for given, shown in zip(mend.inputs, form.inputs, strict=True):
        properties = shown.json_schema["properties"]
        assert given.source in properties
        assert set(shown.json_schema["required"]) <= set(properties)
        assert set(shown.look_ups) <= set(properties) <= set(given.model.model_fields)
        assert "by" not in properties


def test_the_docs_name_every_code() -> None:
    said = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert [code for code in RejectionCode if f"`{code.value}`" not in said] == []


def test_what_is_known_is_filled_in() -> None:
    form = form_of("item_unmapped", known={ITEM.name: "prod_x", ACCOUNT.name: "cus_1"})
    assert form.inputs[0].known == {"item": "prod_x"}
    assert {given.name: given.known for given in form.inputs}["document"] == {}


def test_an_unknown_code_has_no_decisions() -> None:
    with pytest.raises(KeyError):
        decisions_of("what_nobody_raises")


ACCOUNT_OF = AccountMapping(
    billing_customer="cus_1", erp_party="C-1", support_organization="o_1", legal_entity="DE"
)
ITEM_OF = ItemMapping(item="prod_x", erp_item="X")
DOCUMENT_OF = DocumentCorrection(document_id="in_1", tax_code="DE-19")


@pytest.mark.parametrize(
    ("action", "brings", "besides"),
    [
        (Action.RETRY, {}, ()),
        (Action.ABORT, {}, ()),
        (Action.CORRECT, {"account": ACCOUNT_OF}, ("mappings:write",)),
        (Action.CORRECT, {"item": ITEM_OF}, ("mappings:write",)),
        (Action.CORRECT, {"document": DOCUMENT_OF}, ("invoices:decide",)),
        (
            Action.CORRECT,
            {"item": ITEM_OF, "document": DOCUMENT_OF},
            ("mappings:write", "invoices:decide"),
        ),
        (Action.SKIP, {"document": DocumentCorrection(document_id="in_1")}, ("invoices:decide",)),
        (Action.SKIP, {}, ("invoices:decide",)),
    ],
)
def test_a_decision_needs_leave_for_what_it_sets(
    action: Action, brings: dict[str, object], besides: tuple[str, ...]
) -> None:
    resolution = Resolution(exception_id="exc_1", action=action, by="desk").model_copy(
        update=brings
    )
    assert scopes_of(resolution) == ("exceptions:write", *besides)
    said = {
        name
        for decision in form_of("tax_mismatch", known={}).decisions
        if decision.action is action
        for name in decision.scopes
    }
    assert said <= set(scopes_of(resolution))


def test_the_same_model_refuses_what_the_form_does_not_describe() -> None:
    shown = form_of("item_unmapped", known={}).inputs[0].json_schema
    missing = set(chain(shown["required"])) - {"item"}
    assert missing
    with pytest.raises(ValidationError):
        ItemMapping.model_validate({"item": "prod_x"})
