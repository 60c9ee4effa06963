"""The tables. They never leave `persistence`: repositories speak canonical models.

`table=True` models do not validate, so every rule that must hold is a constraint of the database;
the migrations create it, and a test compares them with this package.
"""

from sqlmodel import SQLModel

from persistence.tables.adoption import AdoptionCustomerRow, AdoptionRow
from persistence.tables.batches import BatchItemRow, BatchRow
from persistence.tables.breakers import BreakerRow, LaneRow
from persistence.tables.causes import CaseHistoryRow, CauseAmountRow, CauseRow
from persistence.tables.configuration import ApiKeyRow, MappingRow, NamespaceRow
from persistence.tables.decisions import DecisionRow
from persistence.tables.documents import (
    AccountRow,
    ApprovalRow,
    DocumentRow,
    SettlementRow,
    UnbilledRow,
)
from persistence.tables.effects import (
    AccessHoldRow,
    EffectRow,
    GrantRow,
    SubscriptionStateRow,
    SupportContributionRow,
)
from persistence.tables.notices import AtWorkRow, DigestRow
from persistence.tables.people import MembershipRow, PersonRow, SessionRow, SignInFailureRow
from persistence.tables.privacy import ErasureRow
from persistence.tables.processes import ContractRow, DunningRow, ProcessRow, TargetRow
from persistence.tables.queue import ChangeRow, ExceptionRow, InboxRow, OutboxRow, RetentionRow
from persistence.tables.seals import ApprovedPlanRow, SealRow, UnsealedRow

metadata = SQLModel.metadata

__all__ = [
    "AccessHoldRow",
    "AccountRow",
    "AdoptionCustomerRow",
    "AdoptionRow",
    "ApiKeyRow",
    "ApprovalRow",
    "ApprovedPlanRow",
    "AtWorkRow",
    "BatchItemRow",
    "BatchRow",
    "BreakerRow",
    "CaseHistoryRow",
    "CauseAmountRow",
    "CauseRow",
    "ChangeRow",
    "ContractRow",
    "DecisionRow",
    "DigestRow",
    "DocumentRow",
    "DunningRow",
    "EffectRow",
    "ErasureRow",
    "ExceptionRow",
    "GrantRow",
    "InboxRow",
    "LaneRow",
    "MappingRow",
    "MembershipRow",
    "NamespaceRow",
    "OutboxRow",
    "PersonRow",
    "ProcessRow",
    "RetentionRow",
    "SealRow",
    "SessionRow",
    "SettlementRow",
    "SignInFailureRow",
    "SubscriptionStateRow",
    "SupportContributionRow",
    "TargetRow",
    "UnbilledRow",
    "UnsealedRow",
    "metadata",
]
