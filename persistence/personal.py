"""Where something personal of a customer may stand, what becomes of it, and what stays.

Names, addresses and tax ids are read when they are needed and not kept. What may hold them all the
same is what others have written: a webhook's body, billing's metadata, words of people and vendors.

Every table is in one of three lists, which a test compares with the schema: what a new one may hold
is decided when it is made.
"""

from collections.abc import Mapping
from dataclasses import dataclass

#: What stands where words had to be.
ERASED = "erased"


@dataclass(frozen=True)
class Place:
    """Rows of `table` that are of the customer (`of`) and hold something still (`holds`); `erase`
    is what becomes of them."""

    name: str
    table: str
    of: str
    holds: str
    erase: str


_CUSTOMER = "customer_id = %(customer)s"
_SUBJECT = "subject = any(%(subjects)s)"
_SUBSCRIPTION = "subscription_id = any(%(subjects)s)"
_BELONGS = "(customer_id = %(customer)s or belongs_to = any(%(subjects)s))"
_OF_CHANGES = (
    "change_id in (select id from changes where tenant = %(tenant)s "
    "and subject = any(%(subjects)s))"
)
_OF_DOCUMENTS = (
    "document_id in (select document_id from documents where tenant = %(tenant)s "
    "and customer_id = %(customer)s)"
)
_OF_EXCEPTIONS = f"in (select id from exceptions where tenant = %(tenant)s and {_BELONGS})"  # noqa: S608 - constants
_DECIDED = (
    f"({_OF_CHANGES} or target_id {_OF_EXCEPTIONS} or target_id = 'account/' || %(customer)s "  # noqa: S608 - constants
    "or target_id in (select document_id from documents where tenant = %(tenant)s "
    "and customer_id = %(customer)s) or target_id in (select source_id from grants "
    "where tenant = %(tenant)s and customer_id = %(customer)s))"
)
_ITEMS = f"({_OF_CHANGES} or key = %(customer)s or key {_OF_EXCEPTIONS})"
_TOLD = "(subject = any(%(names)s) or subject = any(%(subjects)s))"


def _words(name: str, table: str, column: str, of: str, *, empty: str = "null") -> Place:
    return Place(name, table, of, f"{column} <> ''", f"{column} = {empty}")


def _said(name: str, table: str, column: str, path: str, of: str) -> Place:
    """A text inside of JSON, which the model asks for."""
    return Place(
        name,
        table,
        of,
        f"{column} #>> '{{{path}}}' <> '{ERASED}'",
        f"{column} = jsonb_set({column}, '{{{path}}}', '\"{ERASED}\"')",
    )


def _over_each(array: str, blank: str) -> str:
    """The JSON array with `blank` put over each of its members, in their order."""
    return (
        f"(select coalesce(jsonb_agg(one || '{blank}' order by place), '[]') "  # noqa: S608 - constants
        f"from jsonb_array_elements({array}) with ordinality as each (one, place))"
    )


def _said_by_each(name: str, table: str, column: str, member: str, of: str) -> Place:
    """A text inside of each member of a JSON array."""
    holds = f"jsonb_path_exists({column}, '$[*] ? (@.{member} != \"{ERASED}\")')"
    blank = f'{{"{member}": "{ERASED}"}}'
    return Place(name, table, of, holds, f"{column} = {_over_each(column, blank)}")


#: Erased in one transaction, after the bodies of webhooks.
PLACES = (
    Place(
        "plans and snapshots of changes",
        "changes",
        _SUBJECT,
        "(plan is not null or snapshot is not null)",
        "plan = null, snapshot = null",
    ),
    _said_by_each("notes of what was done to changes", "changes", "happened", "note", _SUBJECT),
    Place(
        "metadata of subscriptions",
        "subscription_states",
        _CUSTOMER,
        "snapshot -> 'metadata' <> '{}'",
        "snapshot = jsonb_set(snapshot, '{metadata}', '{}')",
    ),
    Place(
        "metadata and addresses of documents",
        "documents",
        _CUSTOMER,
        "(document -> 'metadata' <> '{}' or document ->> 'url' is not null "
        "or jsonb_path_exists(document, '$.lines[*].metadata.*'))",
        "document = document || jsonb_build_object('metadata', '{}'::jsonb, 'url', null, "
        "'lines', " + _over_each("document -> 'lines'", '{"metadata": {}}') + ")",
    ),
    _said("reasons of decisions on documents", "documents", "hold", "reason", _CUSTOMER),
    _words("notes of approvals", "approvals", "note", _OF_DOCUMENTS, empty="''"),
    Place(
        "notes of movements",
        "settlements",
        _CUSTOMER,
        "settlement ->> 'note' is not null",
        "settlement = jsonb_set(settlement, '{note}', 'null')",
    ),
    Place(
        "messages and notes of exceptions",
        "exceptions",
        _BELONGS,
        f"(message <> '{ERASED}' or note is not null)",
        f"message = '{ERASED}', note = null",
    ),
    _words("notes of cases", "case_history", "note", f"about {_OF_EXCEPTIONS}"),
    Place(
        "what decisions said",
        "decisions",
        _DECIDED,
        "(reason <> '' or before is not null or after is not null)",
        "reason = '', before = null, after = null",
    ),
    Place("approved plans", "approved_plans", _OF_CHANGES, "plan is not null", "plan = null"),
    Place(
        "what was found in bulk",
        "batch_items",
        _ITEMS,
        "(reason is not null or found is not null)",
        "reason = null, found = null",
    ),
    _words("reasons of grants", "grants", "reason", _CUSTOMER),
    _said("reasons of holds", "access_holds", "hold", "reason", _SUBSCRIPTION),
    _words("errors of writes", "effects", "error", _OF_CHANGES),
    _words("problems of renewals", "contracts", "forecast_problem", _CUSTOMER),
    _words("errors of targets", "target_states", "error", _CUSTOMER),
    _words("problems with what is not billed", "unbilled", "problem", _SUBSCRIPTION),
    Place(
        "digests of names and addresses",
        "accounts",
        _CUSTOMER,
        "profile_digest <> ''",
        "profile_digest = ''",
    ),
    _said_by_each(
        "findings when it was taken over", "adoption_customers", "causes", "message", _CUSTOMER
    ),
    Place(
        "reasons in published events",
        "outbox",
        _TOLD,
        f"event #>> '{{data,reason}}' <> '{ERASED}'",
        f"event = jsonb_set(event, '{{data,reason}}', '\"{ERASED}\"')",
    ),
)

#: The bodies of webhooks, which are looked through first.
BODIES = "bodies of webhooks"

_BY_LAW = "to be kept for as long as books are, here as in the ERP; lines as billing describes them"
_LEDGER = "what was done elsewhere, posted documents included, so that nothing is done twice"
_PROOF = "that it was, when, and who decided; without what was said"
#: What stays of the customer, by table: which rows, and why.
KEPT: Mapping[str, tuple[str, str]] = {
    "documents": (_CUSTOMER, _BY_LAW),
    "settlements": (_CUSTOMER, _BY_LAW),
    "unbilled": (_SUBSCRIPTION, "the ERP's draft, as it was last shown"),
    "effects": (_OF_CHANGES, _LEDGER),
    "inbox": (_OF_CHANGES, "that a message came, and its id, so that none is taken twice"),
    "changes": (_SUBJECT, f"{_PROOF}; and the proof that both sides have the same documents"),
    "exceptions": (_BELONGS, _PROOF),
    "approvals": (_OF_DOCUMENTS, _PROOF),
    "approval_requests": (_OF_DOCUMENTS, "what a yes was asked to, by amounts and a digest"),
    "adoption_customers": (_CUSTOMER, _PROOF),
    "case_history": (f"about {_OF_EXCEPTIONS}", _PROOF),
    "decisions": (_DECIDED, _PROOF),
    "approved_plans": (_OF_CHANGES, _PROOF),
    "batch_items": (_ITEMS, _PROOF),
    "grants": (_CUSTOMER, "what could be used, when and why not"),
    "subscription_states": (_CUSTOMER, "what was sold, by ids and quantities"),
    "contracts": (_CUSTOMER, "the term of what was sold"),
    "access_holds": (_SUBSCRIPTION, "what was taken back, by ids"),
    "dunning_cases": (_CUSTOMER, "how an unpaid invoice ended, by ids and dates"),
    "accounts": (_CUSTOMER, "the balance, which belongs to the books"),
    "support_contributions": (_CUSTOMER, "what support was told, by ids"),
    "target_states": (_CUSTOMER, "which revision a target holds"),
    "mappings": (
        "kind = 'account' and source = %(customer)s",
        "finds the ERP's party of the documents that are kept",
    ),
    "outbox": (_TOLD, "what was published, by ids and amounts"),
    "erasures": (_CUSTOMER, "what was erased, when, and who asked for it"),
}

#: Nothing of one customer, or nothing but ids.
WITHOUT = {
    "adoptions": "a run over all customers",
    "api_keys": "who may call",
    "at_work": "our own processes",
    "batches": "what is done in bulk, and by whom",
    "breakers": "vendors",
    "cause_amounts": "sums over all cases of a cause",
    "causes": "ids of what is to be mended",
    "digests": "how far a team was told by mail",
    "lanes": "workers",
    "memberships": "what our own people may do",
    "people": "our own people",
    "processes": "ids of what waits",
    "retention": "how far old rows were visited",
    "sessions": "our own people, signed in",
    "sign_in_failures": "who failed to sign in, by digest",
    "seals": "digests: the salt of what is erased goes with it",
    "temporal_namespace": "the engine",
    "unsealed": "ids of rows that wait for their seal",
}
