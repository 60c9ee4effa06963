"""How each cause is mended, in one closed table: where, by which decisions, with what form, and by
whose leave. Everything that asks what a person may do of an exception reads it here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import Field

from canonical_models.base import Canonical
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

#: A step failed in a way that nothing foresees: a bug, or a worker that was lost.
UNEXPECTED = "unexpected"
TIMED_OUT = "timed_out"


class Where(StrEnum):
    #: With what a person says here.
    HERE = "here"
    #: In the screen of the system that refuses, or in billing.
    THERE = "there"
    #: By nobody: it closes by itself.
    NOBODY = "nobody"


class LookUp(StrEnum):
    """What the value of a field is the name of, so that it can be looked up."""

    PARTY = "party"
    ERP_ITEM = "erp_item"
    LEGAL_ENTITY = "legal_entity"
    ORGANIZATION = "organization"
    TIER = "tier"
    TAX_CODE = "tax_code"
    ERP_DOCUMENT = "erp_document"


@dataclass(frozen=True)
class Input:
    """What `correct` brings, as the member `name` of a decision. `source` is its field that says
    what it is of, `scope` what setting it needs leave for."""

    name: str
    model: type[Canonical]
    source: str
    scope: str
    look_ups: Mapping[str, LookUp]


ACCOUNT = Input(
    "account",
    AccountMapping,
    "billing_customer",
    "mappings:write",
    {
        "erp_party": LookUp.PARTY,
        "support_organization": LookUp.ORGANIZATION,
        "legal_entity": LookUp.LEGAL_ENTITY,
    },
)
ITEM = Input(
    "item",
    ItemMapping,
    "item",
    "mappings:write",
    {"erp_item": LookUp.ERP_ITEM, "support_tier": LookUp.TIER},
)
#: Causes each of which one mapping answers: many of them are filled in as a sheet.
OF_CUSTOMERS = (RejectionCode.ACCOUNT_UNMAPPED.value, RejectionCode.ACCOUNT_AMBIGUOUS.value)
OF_ITEMS = (RejectionCode.ITEM_UNMAPPED.value,)
DOCUMENT = Input(
    "document",
    DocumentCorrection,
    "document_id",
    "invoices:decide",
    {"tax_code": LookUp.TAX_CODE, "link": LookUp.ERP_DOCUMENT},
)
INPUTS = (ACCOUNT, ITEM, DOCUMENT)

#: Members that are ours to say, whoever sends them.
_OURS = frozenset({"by", "valid_from"})


@dataclass(frozen=True)
class Mend:
    """`where` says how it can be mended, the usual way first. `inputs` are what `correct` takes,
    the one that is meant first, and `asks` the fields of that one which the form shows, besides
    what it is of; none for all. `words` is the key of each door's own words."""

    where: tuple[Where, ...]
    decisions: tuple[Action, ...]
    words: str
    inputs: tuple[Input, ...] = ()
    asks: tuple[str, ...] = ()


def _mend(
    words: str,
    *where: Where,
    inputs: tuple[Input, ...] = (),
    asks: tuple[str, ...] = (),
    skip: bool = False,
) -> Mend:
    """What a saga waits with, and tries again: a change can always be undone instead."""
    decisions = [Action.RETRY]
    if inputs:
        decisions.append(Action.CORRECT)
    if skip:
        decisions.append(Action.SKIP)
    return Mend(where, (*decisions, Action.ABORT), words, inputs, asks)


_HERE, _THERE = Where.HERE, Where.THERE
#: Of the books: whatever it is, a document made by hand may stand for what cannot be posted.
_ACCOUNT, _ITEM, _ANY = (ACCOUNT, DOCUMENT), (ITEM, DOCUMENT, ACCOUNT), (DOCUMENT, ACCOUNT, ITEM)
_C, _F = RejectionCode, FailureClass

MENDS: Mapping[str, Mend] = {
    _C.ACCOUNT_UNMAPPED: _mend("map_account", _HERE, inputs=_ACCOUNT),
    _C.ACCOUNT_AMBIGUOUS: _mend("choose_account", _HERE, _THERE, inputs=_ACCOUNT),
    _C.TAX_ID_INVALID: _mend("mend_tax_id", _THERE, inputs=_ACCOUNT),
    _C.ITEM_UNMAPPED: _mend("map_item", _HERE, inputs=_ITEM, skip=True),
    _C.PARTY_UNKNOWN: _mend("make_party", _THERE, _HERE, inputs=_ACCOUNT),
    _C.CUSTOMER_BLOCKED: _mend("activate_party", _THERE, _HERE, inputs=_ACCOUNT),
    _C.LEGAL_ENTITY_UNKNOWN: _mend("name_entity", _HERE, _THERE, inputs=_ACCOUNT),
    _C.CURRENCY_MISMATCH: _mend("mend_currency", _THERE, _HERE, inputs=_ACCOUNT, skip=True),
    _C.PERIOD_CLOSED: _mend(
        "open_period",
        _THERE,
        _HERE,
        inputs=_ANY,
        asks=("posting_date",),
        skip=True,
    ),
    _C.ITEM_NOT_POSTABLE: _mend("activate_item", _THERE, _HERE, inputs=_ITEM, skip=True),
    _C.TAX_MISMATCH: _mend(
        "give_tax_code", _HERE, _THERE, inputs=_ANY, asks=("tax_code",), skip=True
    ),
    _C.TAX_UNDETERMINED: _mend(
        "give_tax_code", _HERE, _THERE, inputs=_ANY, asks=("tax_code",), skip=True
    ),
    _C.DOCUMENT_REFUSED: _mend("mend_document", _THERE, _HERE, inputs=_ANY, skip=True),
    _C.DOCUMENT_CONFLICT: _mend(
        "link_document", _HERE, _THERE, inputs=_ANY, asks=("link",), skip=True
    ),
    _C.PAYMENT_REFUSED: _mend("mend_payment", _THERE, inputs=_ANY),
    _C.PAYMENT_OVERDUE: Mend(
        (_HERE,), (Action.EXTEND, Action.CREDIT, Action.WRITE_OFF), "end_debt"
    ),
    _C.APPROVAL_NEEDED: Mend((_HERE,), (Action.APPROVE, Action.ABORT), "approve"),
    _C.TARGET_REFUSED: _mend("mend_target", _THERE),
    _C.SUBSCRIPTION_UNKNOWN: _mend("look_in_billing", _THERE),
    _C.AMOUNT_OUT_OF_RANGE: _mend("look_in_billing", _THERE, inputs=_ANY, skip=True),
    _C.DOCUMENT_INCONSISTENT: _mend("mend_in_billing", _THERE, inputs=_ANY, skip=True),
    _C.DOCUMENT_CHANGED: _mend("settle_changed", _HERE, _THERE, inputs=_ANY),
    _C.UNBILLED_POSTED: _mend("take_back_unbilled", _THERE, inputs=_ANY),
    _C.SETTLEMENT_UNEXPLAINED: _mend("explain_settlement", _THERE, inputs=_ANY),
    _C.PAYOUT_UNPROVEN: _mend("prove_payout", _THERE),
    _C.BALANCE_CROSSES: _mend("move_balance", _THERE, _HERE, inputs=_ACCOUNT),
    _C.DEBT_REOPENED: _mend("settle_debt", _THERE, inputs=_ANY),
    _C.MASTER_DATA_CHANGED: Mend(
        (_HERE, _THERE), (Action.APPROVE, Action.RETRY, Action.ABORT), "approve_master_data"
    ),
    _C.BEFORE_CUTOVER: _mend("link_document", _HERE, inputs=_ANY, asks=("link",)),
    _C.ORGANIZATION_UNKNOWN: _mend("name_organization", _HERE, _THERE, inputs=(ACCOUNT,)),
    _C.SUPPORT_REFUSED: _mend("mend_in_support", _THERE, inputs=(ACCOUNT,)),
    _C.BILLING_REFUSED: _mend("look_in_billing", _THERE, inputs=_ANY),
    _C.SHADOWED: _mend("go_live", _THERE),
    _C.OUTCOME_MISMATCH: _mend("mend_outcome", _THERE, _HERE, inputs=_ANY, asks=("link",)),
    _F.TRANSIENT: _mend("wait_and_retry", _THERE),
    _F.UNCERTAIN: _mend("wait_and_retry", _THERE),
    _F.REJECTED: _mend("wait_and_retry", _THERE),
    _F.CONTRACT_DRIFT: _mend("ask_support", _THERE),
    _F.CREDENTIALS: _mend("renew_credentials", _THERE),
    UNEXPECTED: _mend("ask_support", _THERE),
    TIMED_OUT: _mend("wait_and_retry", _THERE),
    SAGA_LOST: Mend((_HERE,), (Action.RETRY, Action.ABORT), "find_who_ends_it"),
    VENDOR_AWAY: Mend((Where.NOBODY,), (), "wait_for_vendor"),
    CONTRACT_CHANGED: Mend((Where.NOBODY,), (), "compare_contract"),
}

#: Classes that end, or are tried again, without a person being asked.
NEVER_ASKED = frozenset({FailureClass.MAY_STILL_LAND, FailureClass.OVERTAKEN})

#: Codes of which looking again finds nothing new: people answer them, or they close by themselves.
DECIDED_ALONE = (
    _C.PAYMENT_OVERDUE.value,
    _C.APPROVAL_NEEDED.value,
    _C.MASTER_DATA_CHANGED.value,
    SAGA_LOST,
    VENDOR_AWAY,
    CONTRACT_CHANGED,
)


def mend_of(code: str) -> Mend:
    """Raises KeyError for a code that nothing raises."""
    return MENDS[code]


def decisions_of(code: str) -> tuple[Action, ...]:
    """What may be decided of an exception of this code."""
    return mend_of(code).decisions


class FormInput(Canonical):
    """What `correct` takes as the member `name`: the JSON Schema of its fields, those of them that
    are known already, what the value of which field is the name of, and the scope it needs.
    `proposed` are values that another system speaks for, and `why`: a person confirms them or
    sends others."""

    name: str
    json_schema: dict[str, Any]
    known: dict[str, str]
    proposed: dict[str, str] = Field(default_factory=dict)
    why: str | None = None
    look_ups: dict[str, LookUp]
    scope: str


class FormDecision(Canonical):
    """`scopes` are what it needs leave for; `correct` also that of the input it brings."""

    action: Action
    scopes: tuple[str, ...]
    #: Names of inputs, of which it takes one; empty where it brings nothing.
    inputs: tuple[str, ...] = ()


class Form(Canonical):
    """Everything that is needed to decide. `words` is the key of what a door says of it; `inputs`
    are what `correct` takes, the one that is usually meant first."""

    where: tuple[Where, ...]
    words: str
    decisions: tuple[FormDecision, ...]
    inputs: tuple[FormInput, ...]


def form_of(code: str, *, known: Mapping[str, str]) -> Form:
    """`known` is what is known of the object to mend, by the name of the input."""
    mend = mend_of(code)
    names = tuple(given.name for given in mend.inputs)
    return Form(
        where=mend.where,
        words=mend.words,
        decisions=tuple(
            FormDecision(
                action=action,
                scopes=_scopes(action),
                inputs=names if action is Action.CORRECT else (),
            )
            for action in mend.decisions
        ),
        inputs=tuple(
            _input(given, mend.asks if number == 0 else (), known.get(given.name))
            for number, given in enumerate(mend.inputs)
        ),
    )


def _input(given: Input, asks: tuple[str, ...], source: str | None) -> FormInput:
    schema = given.model.model_json_schema()
    shown = {
        name: said
        for name, said in schema["properties"].items()
        if name not in _OURS and (not asks or name == given.source or name in asks)
    }
    return FormInput(
        name=given.name,
        json_schema={
            **schema,
            "properties": shown,
            "required": [*schema["required"], *asks],
        },
        known={} if source is None else {given.source: source},
        look_ups={name: of for name, of in given.look_ups.items() if name in shown},
        scope=given.scope,
    )


def scopes_of(resolution: Resolution) -> tuple[str, ...]:
    """What who decides this needs leave for: the decision, and whatever it sets on its way."""
    brought = (given.scope for given in INPUTS if getattr(resolution, given.name) is not None)
    return tuple(dict.fromkeys((*_scopes(resolution.action), *brought)))


def _scopes(action: Action) -> tuple[str, ...]:
    if action is Action.SKIP:
        return ("exceptions:write", DOCUMENT.scope)
    return ("exceptions:write",)
