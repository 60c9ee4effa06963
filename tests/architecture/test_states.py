"""States are what their enums say, in tables and in statements that are written out."""

import re
from enum import StrEnum
from typing import get_args

from canonical_models import states
from canonical_models.acts import Role
from canonical_models.adoption import AdoptionResult, AdoptionState
from canonical_models.batch import BatchKind, BatchState, ItemOutcome
from canonical_models.cash import CashKind, PayoutState, PayoutStatus
from canonical_models.closing import PeriodState
from canonical_models.decisions import Door, Scope
from canonical_models.documents import DocumentStatus
from canonical_models.effects import EffectState
from canonical_models.entitlement import GrantState
from canonical_models.exceptions import Action, Track
from canonical_models.failures import Team
from canonical_models.preview import Comes
from canonical_models.reconciliation import About, Cause, EntryKind, Repair
from canonical_models.records import RecordState
from canonical_models.shadow import ShadowAbout, ShadowState
from canonical_models.streams import DeliveryState, StreamState, Transport
from canonical_models.term import DunningStage
from connectors.breaker import State
from persistence.at_work import Part
from persistence.tables import metadata
from tests.architecture.repository import ROOT, files

ENUMS: dict[str, type[StrEnum]] = {
    "adoption_customers.result": AdoptionResult,
    "adoptions.state": AdoptionState,
    "batch_items.outcome": ItemOutcome,
    "batches.kind": BatchKind,
    "batches.state": BatchState,
    "causes.state": states.CauseState,
    "cash_movements.kind": CashKind,
    "changes.outcome": states.ChangeOutcome,
    "changes.state": states.ChangeState,
    "contracts.forecast": states.Forecast,
    "decisions.door": Door,
    "decisions.scope": Scope,
    "deliveries.state": DeliveryState,
    "differences.about": About,
    "differences.cause": Cause,
    "differences.owner": Team,
    "differences.repair": Repair,
    "fact_entries.kind": EntryKind,
    "documents.erp_status": states.InvoiceStatus,
    "documents.state": RecordState,
    "dunning_cases.stage": DunningStage,
    "memberships.role": Role,
    "effects.state": EffectState,
    "exceptions.owner": Team,
    "exceptions.state": states.ExceptionState,
    "exceptions.track": Track,
    "exceptions.woken": states.WokenBy,
    "grants.state": GrantState,
    "inbox.status": states.InboxStatus,
    "shadow_changes.comes": Comes,
    "shadow_items.about": ShadowAbout,
    "shadow_items.state": ShadowState,
    "streams.state": StreamState,
    "streams.team": Team,
    "streams.transport": Transport,
    "payouts.state": PayoutState,
    "periods.state": PeriodState,
    "payouts.status": PayoutStatus,
    "target_states.state": states.TargetState,
}
#: Those that say less, or more, than the enum.
PARTS = {
    "at_work.part": set(get_args(Part)),
    # What one worker alone is at is not shared.
    "breakers.state": {state.value for state in State} - {State.PROBING.value},
    # What nobody decided any more.
    "exceptions.resolution": {action.value for action in Action} | {"cancelled"},
    # The systems that list documents.
    "fact_documents.system": {"billing", "erp"},
    "mappings.kind": {"account", "item"},
    "person_settings.theme": {"light", "dark"},
}

_LIST = re.compile(r"^(\w+) in \((.*)\)$", re.DOTALL)
_COMPARED = re.compile(r"\b(state|status|outcome|stage)\s*(?:=|<>|in)\s*\(?('[^)]*?')[\s)]")


def constraints() -> dict[str, set[str]]:
    """By table and column, the words that it may have."""
    found = {}
    for table in metadata.tables.values():
        for constraint in table.constraints:
            listed = _LIST.match(str(getattr(constraint, "sqltext", "")))
            if listed is not None:
                found[f"{table.name}.{listed[1]}"] = set(re.findall(r"'(\w+)'", listed[2]))
    return found


def test_every_list_of_words_is_an_enum() -> None:
    wanted = {column: {word.value for word in enum} for column, enum in ENUMS.items()} | PARTS
    assert constraints() == wanted


def test_statements_compare_states_with_words_that_there_are() -> None:
    known = set().union(*constraints().values())
    known |= {status.value for status in DocumentStatus}
    compared = [
        (path.relative_to(ROOT).as_posix(), word)
        for path in files("*.py")
        if path.relative_to(ROOT).parts[0] not in {"tests", "benchmarks", "sandbox"}
        for _, words in _COMPARED.findall(path.read_text(encoding="utf-8"))
        for word in re.findall(r"'(\w+)'", words)
    ]
    assert len(compared) > 100
    assert [found for found in compared if found[1] not in known] == []
