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
#: Whose it is may not have been known, where billing could not be read.
_SHADOWED = "(customer_id = %(customer)s or subject = any(%(subjects)s))"
_OF_CHANGES = (
    "change_id in (select id from changes where tenant = %(tenant)s "
    "and subject = any(%(subjects)s))"
)
_OF_DOCUMENTS = (
    "document_id in (select document_id from documents where tenant = %(tenant)s "
    "and customer_id = %(customer)s)"
)
_OF_EXCEPTIONS = f"in (select id from exceptions where tenant = %(tenant)s and {_BELONGS})"  # noqa: S608 - constants
_OF_CAUSES = f"in (select cause from exceptions where tenant = %(tenant)s and {_BELONGS})"  # noqa: S608 - constants
_DECIDED = (
    f"({_OF_CHANGES} or target_id {_OF_EXCEPTIONS} or target_id = 'account/' || %(customer)s "  # noqa: S608 - constants
    "or target_kind = 'difference' and after ->> 'customer_id' = %(customer)s "
    "or target_id in (select document_id from documents where tenant = %(tenant)s "
    "and customer_id = %(customer)s) or target_id in (select source_id from grants "
    "where tenant = %(tenant)s and customer_id = %(customer)s))"
)
_OF_ORGANIZATIONS = (
    "lower(organization) in (select lower(target ->> 'support_organization') from mappings "
    "where tenant = %(tenant)s and kind = 'account' and source = %(customer)s)"
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
        "or document ->> 'pdf_url' is not null "
        "or jsonb_path_exists(document, '$.lines[*].metadata.*'))",
        "document = document || jsonb_build_object('metadata', '{}'::jsonb, 'url', null, "
        "'pdf_url', null, 'lines', " + _over_each("document -> 'lines'", '{"metadata": {}}') + ")",
    ),
    _words("digests of e-mail addresses", "documents", "email_digest", _CUSTOMER),
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
        "mends that were not in force yet",
        "mend_drafts",
        f"cause {_OF_CAUSES}",
        "(mend is not null or proposed is not null)",
        "mend = null, proposed = null",
    ),
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
    Place(
        "what would have been done in shadow",
        "shadow_changes",
        _SHADOWED,
        "(foreseen is not null or plan is not null or subscription is not null "
        "or documents is not null)",
        "foreseen = null, plan = null, subscription = null, documents = null",
    ),
    Place(
        "what is looked for in shadow",
        "shadow_items",
        _CUSTOMER,
        "(expected is not null or differences <> '[]')",
        "expected = null, differences = '[]'",
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
    _words("answers of receivers of events", "deliveries", "answer", _TOLD),
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
    "mend_drafts": (f"cause {_OF_CAUSES}", _PROOF),
    "decisions": (_DECIDED, _PROOF),
    "approved_plans": (_OF_CHANGES, _PROOF),
    "batch_items": (_ITEMS, _PROOF),
    "grants": (_CUSTOMER, "what could be used, when and why not"),
    "subscription_states": (_CUSTOMER, "what was sold, by ids and quantities"),
    "differences": (_CUSTOMER, f"{_PROOF}; by ids, numbers and amounts"),
    "fact_documents": (
        "system = 'billing' and account = %(customer)s",
        "what billing lists, by ids and amounts; read anew as long as billing lists it",
    ),
    "fact_balances": (_CUSTOMER, "what billing keeps for the customer, by ids and amounts"),
    "fact_subscriptions": (_CUSTOMER, "what billing lists, by ids and quantities"),
    "shadow_changes": (_SHADOWED, "that it was planned in shadow, and when"),
    "shadow_items": (_CUSTOMER, "that it was looked for, by ids and numbers, and how that ended"),
    "contracts": (_CUSTOMER, "the term of what was sold"),
    "access_holds": (_SUBSCRIPTION, "what was taken back, by ids"),
    "dunning_cases": (_CUSTOMER, "how an unpaid invoice ended, by ids and dates"),
    "account_places": (_CUSTOMER, "where it stands among others, by ids"),
    "accounts": (_CUSTOMER, "the balance, which belongs to the books"),
    "support_contributions": (_CUSTOMER, "what support was told, by ids"),
    "support_cases": (_OF_ORGANIZATIONS, "that there was a case at the desk, by its id"),
    "support_desks": (_OF_ORGANIZATIONS, "what the desk showed of tier and features"),
    "target_states": (_CUSTOMER, "which revision a target holds"),
    "mappings": (
        "kind = 'account' and source = %(customer)s",
        "finds the ERP's party of the documents that are kept",
    ),
    "outbox": (_TOLD, "what was published, by ids and amounts"),
    "deliveries": (_TOLD, "who was told of what, and when"),
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
    "cash_looks": "sums of our own money",
    "cash_movements": "ids and amounts of money at billing, of nobody by name",
    "closes": "sealed reports: sums, numbers of documents, and why finance let differences stand",
    "causes": "ids of what is to be mended",
    "drifts": "vendors: what of their answers does not fit, by digests of ids",
    "kept_answers": "what the API answered, by ids and people's own words, for a day",
    "key_usage": "which operations our own keys use",
    "fact_entries": "what the ERP lists of its accounts, by its own ids, with amounts",
    "fact_organizations": "what support shows of an organisation, by its id",
    "fact_reads": "how far systems were read",
    "lanes": "workers",
    "memberships": "what our own people may do",
    "payouts": "our own money on its way to the bank",
    "people": "our own people",
    "person_settings": "how our own people want to see the console",
    "periods": "months of our own books, and the differences of the newest attempt by ids",
    "processes": "ids of what waits",
    "reconciliations": "comparisons of systems, and who asked for them",
    "recorded": "what vendors answer, redacted, as long as somebody records it",
    "recordings": "which connection is recorded, until when, and who asked for it",
    "retention": "how far old rows were visited",
    "sessions": "our own people, signed in",
    "streams": "who is told of events",
    "sign_in_failures": "who failed to sign in, by digest",
    "seals": "digests: the salt of what is erased goes with it",
    "temporal_namespace": "the engine",
    "unsealed": "ids of rows that wait for their seal",
}
