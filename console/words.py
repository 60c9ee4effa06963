"""The console's sentences: what things are called on screen. What they are called inside is never
shown but as a detail for support."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from canonical_models.exceptions import Action
from canonical_models.preview import Mend
from canonical_models.states import InboxStatus
from canonical_models.views import ChangeView
from console.words_of_causes import CAUSES, Cause
from console.words_of_changes import OUTCOMES, STATES, sentence, step
from console.words_of_numbers import NUMBERS

__all__ = ["NUMBERS", "cause", "mended", "plural", "sentence", "step", "system", "where_of"]


class Backfill(NamedTuple):
    """What may be brought about in bulk: `of` is what stands before what it is narrowed to."""

    title: str
    of: str
    means: str


class Sheet(NamedTuple):
    """A sheet of many causes: `of` is what a row is, `empty` what is so where there is none."""

    title: str
    of: str
    means: str
    empty: str


#: What the address says was just done.
DONE = {
    "assigned": "Assigned.",
    "commented": "Comment kept. It is sent nowhere.",
    "tagged": "Tags kept.",
    "decided": "Decided and handed over. What comes of it shows in the timeline.",
    "kept": "Decided. Nobody has taken it yet: it is handed over as soon as a worker is there.",
    "approved": "Approved and handed over.",
    "approved-release": "Approved as a whole. It waits to go on.",
    "one-yes": "Your yes is kept. It needs another one.",
    "reopened": "Begun anew: a change of its own carries out what billing says now.",
    "paused": "Paused. What was handed over goes on.",
    "resumed": "Goes on.",
    "stopped": "Stopped for good. What is done stays done.",
    "added": "Added behind the others.",
    "rows": "Kept. It is in force nowhere until it is released.",
    "same": "Nothing of it is new: all of it was kept before.",
    "proposals": "Taken. What is ambiguous is left to you.",
    "proposed": "Looked up. What takes longer is looked up the next time.",
    "silent": "Billing and the ERP did not answer in time. Look up again in a moment.",
    "paced": "The rate holds from now on.",
    "placed": "Kept. It stands so from now on.",
    "placed-already": "It stands so already.",
    "taken-back": "It is taken back by a change of its own, and stays out until it is released.",
    "taken-back-already": "It is taken back already.",
    "account-matched": "It is an account of the ERP.",
    "account-created": "It was made in the ERP.",
    "account-proposed": "A person says which account of the ERP it is: it is work of finance.",
    "account-underway": "It goes on by itself, and shows here when it is done.",
    "settings": "Kept. It holds from the next page on.",
    "left": "Signed out there.",
    "looked": "It is being looked at anew.",
    "read": "It is being read again.",
    "person": "Added.",
    "roles": "Roles changed. They hold from the next page on.",
    "removed": "Removed. Their keys open nothing, and they are signed out.",
    "revoked": "Revoked. It opens nothing any more.",
    "password": "Your password is changed. Other browsers are signed out.",
}

SYSTEMS = {
    "billing": "Billing",
    "erp": "ERP",
    "support": "Support desk",
    "trueup": "Trueup",
    "temporal": "Trueup",
}

ACTIONS = {
    Action.RETRY: "Check now",
    Action.CORRECT: "Correct",
    Action.SKIP: "Leave out of the ERP",
    Action.ABORT: "Undo the change",
    Action.APPROVE: "Approve",
    Action.EXTEND: "Give more time",
    Action.CREDIT: "Credit it",
    Action.WRITE_OFF: "Write it off",
}
#: What each of them does, said before it is done.
EXPLAINED = {
    Action.RETRY: "It was mended elsewhere: it is tried again as things are now.",
    Action.CORRECT: "Say what was missing; it goes on with that.",
    Action.SKIP: "The document stays out of the ERP for good, and shows as a difference that was "
    "accepted.",
    Action.ABORT: "All that the change has done is taken back, posted documents included.",
    Action.APPROVE: "It is booked as shown.",
    Action.EXTEND: "Access stays, and the next reminder comes later.",
    Action.CREDIT: "Billing issues a credit note over what is open.",
    Action.WRITE_OFF: "What is open is written off as uncollectible.",
}

MESSAGES = {
    InboxStatus.RECEIVED: "waits to be read",
    InboxStatus.DISPATCHED: "became a change",
    InboxStatus.IGNORED: "concerns no other system",
    InboxStatus.DEAD_LETTERED: "cannot be read",
}
ITEMS = {
    "not_begun": "not begun",
    "handed_over": "handed over",
    "at_work": "at work",
    "done": "done, read back",
    "needs_approval": "needs approval",
    "waits": "waits for something else",
    "set_aside": "set aside",
    "failed": "failed",
}
BATCHES = {"running": "running", "paused": "paused", "stopped": "stopped", "ended": "at its end"}
COMES = {
    "goes_through": "will go through",
    "then_waits": "then waits for something else",
    "needs_approval": "needs approval",
    "not_affected": "no longer affected",
    "untold": "could not be told",
}
HISTORY = {
    "opened": "opened",
    "retry": "had it tried again",
    "correct": "corrected it",
    "abort": "had the change undone",
    "skip": "left it out of the ERP",
    "approve": "approved",
    "extend": "gave more time",
    "credit": "had it credited",
    "write_off": "wrote it off",
    "failed_again": "failed again for the same cause",
    "escalated": "not answered in time",
    "assigned": "assigned it",
    "tagged": "tagged it",
    "commented": "said",
    "reopened": "began it anew",
}
STEPS = {
    "exception": "case",
    "confirmed": "done",
    "compensated": "undone",
    "compensating": "being undone",
    "attempting": "on its way",
    "uncertain": "not known yet whether it arrived, being checked",
    "pending": "waits",
    "resolved": "answered",
    "underway": "being handed over",
    "void": "came too late",
}
FATES = {
    "reversed": "is reversed by a credit note, and billing's document is held",
    "unlinked": "is given back to who made it by hand",
    "set_back": "is set back to what was agreed before",
    "shown_anew": "is shown anew with the next change",
    "stays": "stays: it is a fact",
}
#: Fields of forms: what they are called, and a hint.
FIELDS = {
    "action": ("Decision", ""),
    "note": ("Why", ""),
    "reason": ("Why", ""),
    "text": ("Comment", ""),
    "tags": ("Tags", ""),
    "rate": ("How many a minute", ""),
    "billing_customer": ("Billing's customer", ""),
    "erp_party": ("ERP account", "the code of the party in the ERP"),
    "support_organization": ("Support organisation", "its id at the support desk"),
    "legal_entity": ("Legal entity", "its code in the ERP"),
    "time_zone": ("Time zone of the contract", "such as Europe/Berlin; empty for the company's"),
    "item": ("Billing's item", ""),
    "erp_item": ("ERP article", "its code in the ERP"),
    "per_unit": ("May be used, per seat", "features, separated by commas"),
    "included": ("May be used, once", "features, separated by commas"),
    "support_tier": ("Support level", "empty for none"),
    "document_id": ("Document", ""),
    "tax_code": ("Tax code", "of the ERP, for all of its lines"),
    "posting_date": ("Day it is booked on", ""),
    "link": ("The ERP's document that it is", "its number or id"),
}
INPUTS = {
    "account": "Which customer it is in the ERP",
    "item": "What is sold, in the ERP",
    "document": "How this document is booked",
}
SHEETS = {
    "customers": Sheet(
        "Customers without an ERP account",
        "Customer",
        "Each row is a customer of billing of whom nobody has said which account of the ERP it is.",
        "Every customer has an ERP account.",
    ),
    "items": Sheet(
        "Items without an ERP article",
        "Item",
        "Each row was sold in billing, and nobody has said which article of the ERP it is.",
        "Every item that was sold has an ERP article.",
    ),
}
BACKFILLS = {
    "history": Backfill(
        "What customers have, with all that billing has issued",
        "history",
        "Subscriptions and accounts are looked at again, and what is missing in any system is "
        "brought about.",
    ),
    "mapping": Backfill(
        "What a mapping is about that has changed",
        "mapping",
        "Planned again as the mapping holds now. What was booked stays as it was booked; access, "
        "support and what is not billed yet follow.",
    ),
    "publish": Backfill(
        "What products and the support desk were told",
        "told again",
        "What they do not hold any more is told again, such as what somebody has deleted there.",
    ),
}
ACCOUNTS = {
    "matched": "It is an account of the ERP already.",
    "proposed": "A person says which account of the ERP it is.",
    "created": "It is made in the ERP.",
    "underway": "It goes on by itself.",
}
MASTER_DATA = {
    "unknown": "nothing was told to other systems yet",
    "agreed": "told to all systems",
    "asked": "a person is asked about a change of them",
    "deleted": "billing has only the id left",
}
SHADOW = {
    "waiting": "not there yet",
    "agrees": "agrees",
    "differs": "differs",
}
ROLES = {
    "viewer": "sees everything but people and keys",
    "support": "answers what waits for support",
    "finance": "mends, decides about money, approves",
    "operations": "reads messages again, watches connections, approves",
    "admin": "people and keys",
}
UNKNOWN_CAUSE = Cause("{what}", "This is not known to the console by name.", "Ask operations.")


def system(name: str) -> str:
    return SYSTEMS.get(name, name)


def action(named: str) -> str:
    """Of what a form has sent, which may be anything."""
    return ACTIONS[Action(named)] if named in set(Action) else named


def cause(code: str, subject: str | None) -> Cause:
    """Title, meaning and what mends it, with what it is about put in."""
    found = CAUSES.get(code)
    if found is None:
        return Cause(code.replace("_", " ").capitalize(), UNKNOWN_CAUSE.means, UNKNOWN_CAUSE.mends)
    return Cause(found.title.replace("{what}", subject or "it"), found.means, found.mends)


def mended(mend: Mend) -> str:
    """Why it is released, where nobody says it otherwise: what the mend says."""
    if mend.item is not None:
        return f"{mend.item.item} is {mend.item.erp_item} in the ERP"
    if mend.account is not None:
        return f"{mend.account.billing_customer} is {mend.account.erp_party} in the ERP"
    if mend.document is not None:
        return f"{mend.document.document_id} is booked otherwise"
    return ""


def field(kind: str, columns: Iterable[Any]) -> list[str]:
    """What the columns of a sheet's table are called in its file."""
    return [SHEETS[kind].of.lower(), *(each.name.rpartition(".")[2] for each in columns)]


def backfilled(given: Mapping[str, Any]) -> str:
    """What a backfill is of, as it was begun."""
    of = given["selection"]
    narrowed = [
        f"{len(of['customers'])} customers"
        if len(of["customers"]) > 1
        else "".join(of["customers"]),
        of["item"] or "",
        of["target"] or "",
        f"since {of['since'][:10]}" if of["since"] else "",
        f"before {of['until'][:10]}" if of["until"] else "",
    ]
    said = ", ".join(each for each in narrowed if each)
    return f"{BACKFILLS[of['subject']].of} {said or 'of all'}"


def where_of(change: ChangeView) -> str:
    """In few words."""
    if change.outcome is not None:
        return OUTCOMES[change.outcome]
    return "held by a person" if change.held else STATES[change.state]


def minutes(count: int, rate: int) -> str:
    """How long so many take at so many a minute."""
    return plural(max(1, -(-count // rate)), "minute")


def goes_on(tracks: Sequence[str]) -> str:
    """Which halves of a change no longer wait: `books go on`, `books and access go on`."""
    return f"{' and '.join(tracks)} {'goes' if tuple(tracks) == ('access',) else 'go'} on"


def plural(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"
