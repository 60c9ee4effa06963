"""Billing's documents as they were last read, and what the ERP holds of each.

`persistence.tables.documents` has the row, `canonical_models.records` what is made of it.
"""

from persistence.documents.booking import (
    correct,
    hold,
    leave,
    link,
    posted,
    read_back,
    reversed_,
    seen,
    take_back,
)
from persistence.documents.erp_status import looked_up, moving, shown, stands
from persistence.documents.reading import (
    differences,
    get,
    legal_entities,
    named,
    of_changes,
    of_subject,
    page,
    seen_at,
    subject_of_document,
    unpaid,
    waiting,
)

__all__ = [
    "correct",
    "differences",
    "get",
    "hold",
    "leave",
    "legal_entities",
    "link",
    "looked_up",
    "moving",
    "named",
    "of_changes",
    "of_subject",
    "page",
    "posted",
    "read_back",
    "reversed_",
    "seen",
    "seen_at",
    "shown",
    "stands",
    "subject_of_document",
    "take_back",
    "unpaid",
    "waiting",
]
