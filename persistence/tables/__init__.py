"""The tables. They never leave `persistence`: repositories speak canonical models.

`table=True` models do not validate, so every rule that must hold is a constraint of the database;
the migrations create it, and a test compares them with this package.
"""

from sqlmodel import SQLModel

from persistence.tables.effects import (
    EffectRow,
    GrantRow,
    PostedLineRow,
    SubscriptionStateRow,
    SupportShareRow,
)
from persistence.tables.flow import ChangeRow, ExceptionRow, InboxRow, OutboxRow
from persistence.tables.keeping import ApiKeyRow, MappingRow
from persistence.tables.life import (
    ApprovalRow,
    ContractRow,
    DunningRow,
    InvoiceRow,
    PaymentRow,
    ProcessRow,
    TargetRow,
)

metadata = SQLModel.metadata

__all__ = [
    "ApiKeyRow",
    "ApprovalRow",
    "ChangeRow",
    "ContractRow",
    "DunningRow",
    "EffectRow",
    "ExceptionRow",
    "GrantRow",
    "InboxRow",
    "InvoiceRow",
    "MappingRow",
    "OutboxRow",
    "PaymentRow",
    "PostedLineRow",
    "ProcessRow",
    "SubscriptionStateRow",
    "SupportShareRow",
    "TargetRow",
    "metadata",
]
