"""The names by which sagas are started, found and spoken to; shared with dispatch, API and CLI.

No personal data here: ids and search attributes are not encrypted.
"""

from temporalio.common import SearchAttributeKey

from canonical_models.amendment import ChangeKind, customer_of
from canonical_models.base import Canonical, Identifier

AMENDMENT = "amendment"
ACCOUNT = "account"
#: Looks up where invoices stand in the ERP; started by a schedule, or at once.
INVOICES = "invoices"
#: Books deferred revenue of fiscal years that the ERP has opened; started by a schedule.
REVENUE = "revenue"
#: Reads what entitlement targets hold; started by a schedule, or at once.
TARGETS = "targets"
#: Lays billing, ERP, entitlements and support beside each other; by a schedule, or at once.
RECONCILIATION = "reconciliation"
#: Lays clearing beside billing's balance; started by a schedule, or at once.
CASH = "cash"
#: Foresees what would happen, and does nothing.
PREVIEW = "preview"
#: Took customers over before batches did.
ADOPTION = "adoption"

#: Update: a person's decision on the open exception; answers when the saga has taken it.
RESOLVE = "resolve"
#: Signal: the same decision, for those who only have signals.
DECIDE = "decide"
#: Signal: a newer change of this subscription waits behind this saga.
NEWER_CHANGE = "newer_change"
#: Signal: a process has something to look at.
NEWS = "news"
#: Signal: another version of the worker is current; what waits goes on there.
MOVE_ON = "move_on"
#: Query: where the saga stands, in words and as data.
STATUS = "status"

TENANT = SearchAttributeKey.for_keyword("TrueupTenant")
SUBSCRIPTION = SearchAttributeKey.for_keyword("TrueupSubscription")
CUSTOMER = SearchAttributeKey.for_keyword("TrueupCustomer")
CHANGE = SearchAttributeKey.for_keyword("TrueupChange")
CHANGE_KIND = SearchAttributeKey.for_keyword("TrueupChangeKind")
STAGE = SearchAttributeKey.for_keyword("TrueupStage")
EXCEPTION = SearchAttributeKey.for_keyword("TrueupException")
ERP_DOCUMENT = SearchAttributeKey.for_keyword("TrueupErpDocument")

SEARCH_ATTRIBUTES = (
    TENANT,
    SUBSCRIPTION,
    CUSTOMER,
    CHANGE,
    CHANGE_KIND,
    STAGE,
    EXCEPTION,
    ERP_DOCUMENT,
)


class ChangeInput(Canonical):
    """One change of one subscription, or of one account; `epoch` counts the claims of it."""

    tenant: str
    change_id: Identifier
    subject: Identifier
    trigger: ChangeKind
    epoch: int = 0


class Status(Canonical):
    stage: str
    words: str
    exception_id: str | None = None
    newer_changes: int = 0


#: How the task queue of what is done in bulk ends.
BULK = "/bulk"


def bulk_queue(task_queue: str) -> str:
    """The task queue of what is done in bulk: its workflows and all their steps."""
    return f"{task_queue}{BULK}"


def change_workflow_id(tenant: str, subject: str) -> str:
    """One saga of a subscription or account may be open at a time: this id is what serialises its
    changes."""
    customer = customer_of(subject)
    return (
        f"subscription/{tenant}/{subject}" if customer is None else f"account/{tenant}/{customer}"
    )


def revenue_id(tenant: str) -> str:
    """Of the schedule, and of what it starts."""
    return f"revenue/{tenant}"


def targets_id(tenant: str) -> str:
    """Of the schedule, and of the comparisons that it starts."""
    return f"targets/{tenant}"


def reconciliation_id(tenant: str) -> str:
    """Of the schedule, and of the comparisons that it starts."""
    return f"reconciliation/{tenant}"


def invoices_id(tenant: str) -> str:
    """Of the schedule, and of the sweeps that it starts."""
    return f"invoices/{tenant}"


def cash_id(tenant: str) -> str:
    """Of the schedule, and of the looks that it starts."""
    return f"cash/{tenant}"


def preview_id(tenant: str, asking: str) -> str:
    """Each what-if is one of its own."""
    return f"preview/{tenant}/{asking}"
