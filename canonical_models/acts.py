"""What anybody may do: one closed table, of which roles of people and scopes of keys are made.

An act is asked about an object of a tenant. Roles are a person's in one tenant; a scope is what a
key was made for. What is not in the table can be done by nobody.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person is to a tenant; one may be several things."""

    VIEWER = "viewer"
    SUPPORT = "support"
    FINANCE = "finance"
    OPERATIONS = "operations"
    ADMIN = "admin"


class Act(StrEnum):
    CHANGES_READ = "changes:read"
    CHANGES_WRITE = "changes:write"
    EXCEPTIONS_READ = "exceptions:read"
    EXCEPTIONS_WRITE = "exceptions:write"
    EXCEPTIONS_APPROVE = "exceptions:approve"
    EXCEPTIONS_DECIDE = "exceptions:decide"
    INBOX_READ = "inbox:read"
    INBOX_BODIES = "inbox:bodies"
    INBOX_WRITE = "inbox:write"
    MAPPINGS_READ = "mappings:read"
    MAPPINGS_WRITE = "mappings:write"
    ENTITLEMENTS_READ = "entitlements:read"
    ENTITLEMENTS_WRITE = "entitlements:write"
    SUBSCRIPTIONS_READ = "subscriptions:read"
    SUBSCRIPTIONS_WRITE = "subscriptions:write"
    ACCOUNTS_READ = "accounts:read"
    ACCOUNTS_WRITE = "accounts:write"
    INVOICES_READ = "invoices:read"
    INVOICES_WRITE = "invoices:write"
    INVOICES_DECIDE = "invoices:decide"
    PERIODS_READ = "periods:read"
    PERIODS_CLOSE = "periods:close"
    SUPPORT_READ = "support:read"
    EVENTS_READ = "events:read"
    STREAMS_READ = "streams:read"
    STREAMS_WRITE = "streams:write"
    AUDIT_READ = "audit:read"
    PRIVACY_WRITE = "privacy:write"
    BATCHES_READ = "batches:read"
    BATCHES_WRITE = "batches:write"
    ADOPTION_WRITE = "adoption:write"
    BACKFILL_WRITE = "backfill:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    PEOPLE_READ = "people:read"
    PEOPLE_WRITE = "people:write"
    #: The two that no role gives and no key needs.
    OWN_ACCOUNT = "account:own"
    INSTALLATION_RUN = "installation:run"


@dataclass(frozen=True)
class Rule:
    """`what` stands after "may". `hidden`: who may not do it is not told that it exists.
    `own_team`: where the object has an owner, of the teams that one alone does it."""

    what: str
    roles: frozenset[Role]
    hidden: bool = False
    own_team: bool = False


_ALL = frozenset(Role)
_TEAMS = frozenset({Role.SUPPORT, Role.FINANCE, Role.OPERATIONS})
_FINANCE = frozenset({Role.FINANCE})
_OPERATIONS = frozenset({Role.OPERATIONS})
_ADMIN = frozenset({Role.ADMIN})

ACTS = {
    Act.CHANGES_READ: Rule("see changes and their timelines", _ALL),
    Act.CHANGES_WRITE: Rule(
        "hold, release, cancel and signal changes", _OPERATIONS | _FINANCE | _ADMIN
    ),
    Act.EXCEPTIONS_READ: Rule("see the exception queue", _ALL),
    Act.EXCEPTIONS_WRITE: Rule("have exceptions tried again", _TEAMS | _ADMIN, own_team=True),
    Act.EXCEPTIONS_APPROVE: Rule("approve what waits for a yes", _FINANCE | _OPERATIONS),
    Act.EXCEPTIONS_DECIDE: Rule("correct, abort, extend, credit and write off", _FINANCE),
    Act.INBOX_READ: Rule("see received webhooks and dead letters", _ALL),
    Act.INBOX_BODIES: Rule("see the bodies of webhooks", _OPERATIONS),
    Act.INBOX_WRITE: Rule("replay webhooks", _OPERATIONS),
    Act.MAPPINGS_READ: Rule("see account and item mappings", _ALL),
    Act.MAPPINGS_WRITE: Rule("set account and item mappings", _FINANCE),
    Act.ENTITLEMENTS_READ: Rule("list and check entitlements, see grants", _ALL),
    Act.ENTITLEMENTS_WRITE: Rule(
        "give, end, suspend and restore grants", frozenset({Role.SUPPORT, Role.OPERATIONS})
    ),
    Act.SUBSCRIPTIONS_READ: Rule(
        "see subscriptions as every system agreed on them, dunning and renewals", _ALL
    ),
    Act.SUBSCRIPTIONS_WRITE: Rule("have subscriptions looked at anew", _TEAMS),
    Act.ACCOUNTS_READ: Rule("see customers' accounts: documents, balance and open items", _ALL),
    Act.ACCOUNTS_WRITE: Rule("have accounts looked at anew", _TEAMS),
    Act.INVOICES_READ: Rule(
        "see invoices and credit notes in billing and the ERP, and where they differ", _ALL
    ),
    Act.INVOICES_WRITE: Rule("have the ERP asked anew where invoices stand", _TEAMS),
    Act.INVOICES_DECIDE: Rule(
        "hold, skip, take back, release, link and correct invoices and credit notes", _FINANCE
    ),
    Act.PERIODS_READ: Rule("see which months are closed, and their reports", _ALL),
    Act.PERIODS_CLOSE: Rule(
        "close and reopen months, and accept the differences that stand in them", _FINANCE
    ),
    Act.SUPPORT_READ: Rule("see all that is known of a customer, for support", _TEAMS | _ADMIN),
    Act.EVENTS_READ: Rule("read the feed of canonical events", _ALL),
    Act.STREAMS_READ: Rule("see who is told of events, and what became of each", _ALL),
    Act.STREAMS_WRITE: Rule(
        "add, change and remove streams, and send events again", _OPERATIONS | _ADMIN
    ),
    Act.AUDIT_READ: Rule("read the audit trail", _ALL),
    Act.PRIVACY_WRITE: Rule("erase what is personal of a customer", _OPERATIONS | _ADMIN),
    Act.BATCHES_READ: Rule("see what is done in bulk, item by item", _ALL),
    Act.BATCHES_WRITE: Rule(
        "pause, resume and stop what is done in bulk, and try another policy or mapping",
        _FINANCE | _OPERATIONS | _ADMIN,
    ),
    Act.ADOPTION_WRITE: Rule("take over customers that billing had before", _FINANCE | _OPERATIONS),
    Act.BACKFILL_WRITE: Rule(
        "bring about in bulk what is missing or has changed", _FINANCE | _OPERATIONS
    ),
    Act.KEYS_READ: Rule("see API keys", _ADMIN, hidden=True),
    Act.KEYS_WRITE: Rule("make, rotate and revoke API keys", _ADMIN, hidden=True),
    Act.PEOPLE_READ: Rule("see people and their roles", _ADMIN, hidden=True),
    Act.PEOPLE_WRITE: Rule("add, invite and remove people", _ADMIN, hidden=True),
    Act.OWN_ACCOUNT: Rule("sign in and out, and choose one's own password", _ALL),
    Act.INSTALLATION_RUN: Rule("run the installation's programs", frozenset()),
}

#: Of keys: all acts but the last two.
ADMIN = "admin"

#: What belongs to the scope of another act: of a key they are one thing.
_WITHIN = {
    Act.EXCEPTIONS_APPROVE: Act.EXCEPTIONS_WRITE,
    Act.EXCEPTIONS_DECIDE: Act.EXCEPTIONS_WRITE,
    Act.INBOX_BODIES: Act.INBOX_READ,
}
_GRANTED = frozenset(Act) - {Act.OWN_ACCOUNT, Act.INSTALLATION_RUN}


def scope_of(act: Act) -> str:
    """What a key needs for it."""
    return _WITHIN.get(act, act).value


#: Every scope a key may have, with the acts that it is for.
SCOPES: dict[str, frozenset[Act]] = {
    **{
        scope: frozenset(act for act in _GRANTED if scope_of(act) == scope)
        for scope in dict.fromkeys(scope_of(act) for act in Act if act in _GRANTED)
    },
    ADMIN: _GRANTED,
}


def of_scopes(scopes: Collection[str]) -> frozenset[Act]:
    """All that they are for; a scope that is not known any more is for nothing."""
    return frozenset().union(*(SCOPES.get(scope, frozenset()) for scope in scopes))


def words_of(scope: str) -> str:
    """What the scope allows, after "may"."""
    if scope == ADMIN:
        return "all of these"
    return " and ".join(ACTS[act].what for act in Act if act in SCOPES[scope])
