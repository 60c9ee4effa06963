"""The tables. They never leave `persistence`: repositories speak canonical models.

`table=True` models do not validate, so every rule that must hold is a constraint of the database;
the migrations create it, and a test compares them with this package.
"""

from sqlmodel import SQLModel

from persistence.tables.adoption import AdoptionCustomerRow, AdoptionRow
from persistence.tables.batches import BatchItemRow, BatchRow
from persistence.tables.breakers import BreakerRow, LaneRow
from persistence.tables.cash import CashLookRow, CashMovementRow, PayoutRow
from persistence.tables.causes import CaseHistoryRow, CauseAmountRow, CauseRow, MendDraftRow
from persistence.tables.closing import CloseRow, PeriodRow
from persistence.tables.configuration import ApiKeyRow, MappingRow, NamespaceRow
from persistence.tables.decisions import DecisionRow
from persistence.tables.documents import (
    AccountPlaceRow,
    AccountRow,
    ApprovalRow,
    DocumentRow,
    SettlementRow,
    UnbilledRow,
)
from persistence.tables.drifts import DriftRow, RecordedRow, RecordingRow
from persistence.tables.effects import (
    AccessHoldRow,
    EffectRow,
    GrantRow,
    SubscriptionStateRow,
    SupportContributionRow,
)
from persistence.tables.governed import KeptAnswerRow, KeyUsageRow
from persistence.tables.notices import AtWorkRow
from persistence.tables.people import (
    MembershipRow,
    PersonRow,
    PersonSettingsRow,
    SessionRow,
    SignInFailureRow,
)
from persistence.tables.privacy import ErasureRow
from persistence.tables.processes import ContractRow, DunningRow, ProcessRow, TargetRow
from persistence.tables.queue import ChangeRow, ExceptionRow, InboxRow, OutboxRow, RetentionRow
from persistence.tables.reconciliation import (
    DifferenceRow,
    FactBalanceRow,
    FactDocumentRow,
    FactEntryRow,
    FactOrganizationRow,
    FactReadRow,
    FactSubscriptionRow,
    ReconciliationRow,
)
from persistence.tables.seals import ApprovedPlanRow, SealRow, UnsealedRow
from persistence.tables.shadow import ShadowChangeRow, ShadowItemRow
from persistence.tables.streams import DeliveryRow, StreamRow
from persistence.tables.support import SupportCaseRow, SupportDeskRow

metadata = SQLModel.metadata

__all__ = [
    "AccessHoldRow",
    "AccountPlaceRow",
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
    "CashLookRow",
    "CashMovementRow",
    "CauseAmountRow",
    "CauseRow",
    "ChangeRow",
    "CloseRow",
    "ContractRow",
    "DecisionRow",
    "DeliveryRow",
    "DifferenceRow",
    "DocumentRow",
    "DriftRow",
    "DunningRow",
    "EffectRow",
    "ErasureRow",
    "ExceptionRow",
    "FactBalanceRow",
    "FactDocumentRow",
    "FactEntryRow",
    "FactOrganizationRow",
    "FactReadRow",
    "FactSubscriptionRow",
    "GrantRow",
    "InboxRow",
    "KeptAnswerRow",
    "KeyUsageRow",
    "LaneRow",
    "MappingRow",
    "MembershipRow",
    "MendDraftRow",
    "NamespaceRow",
    "OutboxRow",
    "PayoutRow",
    "PeriodRow",
    "PersonRow",
    "PersonSettingsRow",
    "ProcessRow",
    "ReconciliationRow",
    "RecordedRow",
    "RecordingRow",
    "RetentionRow",
    "SealRow",
    "SessionRow",
    "SettlementRow",
    "ShadowChangeRow",
    "ShadowItemRow",
    "SignInFailureRow",
    "StreamRow",
    "SubscriptionStateRow",
    "SupportCaseRow",
    "SupportContributionRow",
    "SupportDeskRow",
    "TargetRow",
    "UnbilledRow",
    "UnsealedRow",
    "metadata",
]
