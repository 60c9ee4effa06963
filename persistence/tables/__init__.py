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

metadata = SQLModel.metadata

__all__ = [
    "ApiKeyRow",
    "ChangeRow",
    "EffectRow",
    "ExceptionRow",
    "GrantRow",
    "InboxRow",
    "MappingRow",
    "OutboxRow",
    "PostedLineRow",
    "SubscriptionStateRow",
    "SupportShareRow",
    "metadata",
]
