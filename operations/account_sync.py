"""Accounts that other programs bring: matched with a party of the ERP, proposed to a person, or
made.

Billing has the customer, and its word is what is matched, made and carried on, by the saga of the
account, once. What a program sends besides is used to look for parties and laid beside billing's;
of it names, addresses and tax ids are kept nowhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from canonical_models.amendment import ChangeKind, account_subject
from canonical_models.base import Canonical, Identifier, Slug
from canonical_models.commerce import AccountProfile
from canonical_models.documents import PostalAddress, TaxId
from canonical_models.effects import EffectState
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import PartyMatch
from canonical_models.mapping import AccountMapping, AccountPlace
from canonical_models.views import ExceptionView
from connectors.ports import BillingPort
from operations import account_places, changes, support_fresh
from operations.context import AppContext
from operations.errors import Invalid
from operations.syncing import start
from persistence import account_places as places
from persistence import effects, exceptions, mappings
from planning.parties import certain_match, reason, score

#: Seconds that who asks waits for the saga; what takes longer goes on by itself.
PATIENCE = 8.0
_PARTY = "erp.party"
#: What a person is asked who says which party of the ERP a customer is.
PROPOSALS = (RejectionCode.ACCOUNT_AMBIGUOUS.value, RejectionCode.ACCOUNT_UNMAPPED.value)
_TOLD = ("name", "email", "address", "tax_ids")
_PLACED = ("parent", "payer", "external_ids")


class AccountAsked(Canonical):
    """An account as a CRM or billing program has it; `customer_id` is billing's. What is left out
    is not said: it stays as it is. A `parent` or `payer` of null takes away the one that is
    kept."""

    customer_id: Identifier
    name: str | None = Field(default=None, min_length=1, max_length=255)
    email: str | None = Field(default=None, max_length=320)
    address: PostalAddress | None = None
    tax_ids: tuple[TaxId, ...] | None = Field(default=None, max_length=20)
    parent: Identifier | None = None
    payer: Identifier | None = None
    external_ids: dict[Slug, Identifier] | None = Field(default=None, max_length=20)


class Candidate(Canonical):
    """A party of the ERP that may be the customer: `why`, in words, and how much speaks for it, of
    100. Nothing is decided by the score."""

    party: str
    score: int
    why: str


class AccountSynced(Canonical):
    """What became of an account.

    `matched` with `party` by `rule`: a `mapping` that stood, or what is the same in billing and the
    ERP, `external_id` or `tax_id`. `created` as `party`. `proposed`: a person says which of the
    `candidates` it is, or that it is none of them, by deciding `exception_id`; without one, by
    setting the mapping. `underway` goes on by itself, by `change_id`. Not `done` is what would
    become of it, where that was asked for. `differs` names what billing says otherwise than was
    sent. `problem` says why something is not told.
    """

    outcome: Literal["matched", "proposed", "created", "underway"]
    done: bool
    customer_id: str
    party: str | None
    rule: str | None
    candidates: tuple[Candidate, ...]
    differs: tuple[str, ...]
    place: AccountPlace
    change_id: str | None
    exception_id: str | None
    words: str
    problem: str | None


@dataclass(frozen=True)
class _Looked:
    """What was found before anything was done. `ours` are the ERP's parties by billing's word,
    `theirs` those that only what was sent leads to."""

    held: AccountMapping | None
    differs: tuple[str, ...]
    ours: tuple[PartyMatch, ...]
    theirs: tuple[PartyMatch, ...]
    problem: str | None

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        found = [
            Candidate(party=each.party, score=score(each), why=reason(each)) for each in self.ours
        ]
        found += [
            Candidate(party=each.party, score=score(each), why=f"{reason(each)}, as it was sent")
            for each in self.theirs
        ]
        return tuple(sorted(found, key=lambda each: (-each.score, each.party))[:10])

    @property
    def by_theirs_alone(self) -> bool:
        """The saga, which goes by billing's word, would make a twin of what was sent."""
        return self.held is None and bool(self.theirs) and not self.ours


async def sync(
    context: AppContext, tenant: str, asked: AccountAsked, *, by: str, dry_run: bool = False
) -> AccountSynced:
    """Match, propose or create the account, and keep where it stands. Safe to repeat. With
    `dry_run` it is only said what would become of it. Raises Invalid for a customer that billing
    does not have, and a parent or payer that cannot be one; Conflict for a name at another program
    that another customer has."""
    looked = await _look(context, tenant, asked)
    async with context.database.transaction() as conn:
        kept = await places.get(conn, tenant, asked.customer_id)
        given = _placed(asked, kept or AccountPlace(customer_id=asked.customer_id))
        if dry_run:
            given = await account_places.allowed(conn, tenant, given)
            return _foreseen(context, tenant, given, looked)
        alone, started = looked.by_theirs_alone, None
        placed = await account_places.put(conn, context, tenant, given, by=by, wanted=not alone)
        given = placed.place
        if not alone:
            started = await start(
                conn,
                tenant,
                account_subject(asked.customer_id),
                kind=ChangeKind.ACCOUNT,
                customer_id=asked.customer_id,
            )
    if started is None:
        return _told(given, looked, "proposed")
    await changes.followed(context, tenant, started.change_id, bound=PATIENCE)
    return await _became(context, tenant, given, looked, started.change_id)


async def _look(context: AppContext, tenant: str, asked: AccountAsked) -> _Looked:
    customer = asked.customer_id
    async with context.database.statement() as conn:
        held = (await mappings.accounts_now(conn, tenant, [customer])).get(customer)

    async def account(port: BillingPort) -> AccountProfile | Rejection:
        try:
            return await port.account(customer)
        except Rejection as refused:
            return refused

    said = await support_fresh.asked("billing", context.billing(tenant), account)
    if isinstance(said.value, Rejection):
        raise Invalid(
            f"billing does not show a customer {customer}: {said.value.message}",
            remedy="send billing's id of the customer, and make it there first where it is new",
        )
    profile = said.value
    if profile is None:
        return _Looked(held, (), (), (), said.problem)
    sent = _sent(asked, profile)
    differs = tuple(name for name in _TOLD if getattr(sent, name) != getattr(profile, name))
    if held is not None:
        return _Looked(held, differs, (), (), None)
    found = await support_fresh.asked(
        "the ERP", context.erp(tenant), lambda port: port.parties(profile)
    )
    if found.value is None:
        return _Looked(held, differs, (), (), found.problem)
    ours = tuple(found.value)
    theirs: tuple[PartyMatch, ...] = ()
    problem = None
    if differs:
        more = await support_fresh.asked(
            "the ERP", context.erp(tenant), lambda port: port.parties(sent)
        )
        known = {match.party for match in ours}
        theirs = tuple(match for match in more.value or () if match.party not in known)
        problem = more.problem
    return _Looked(held, differs, ours, theirs, problem)


def _sent(asked: AccountAsked, profile: AccountProfile) -> AccountProfile:
    """Billing's profile with what was sent laid over it. What only billing's own check can know of
    a tax id is billing's."""
    said: dict[str, Any] = {
        name: getattr(asked, name) for name in _TOLD if getattr(asked, name) is not None
    }
    if asked.tax_ids is not None:
        known = {(own.kind, own.value): own for own in profile.tax_ids}
        said["tax_ids"] = tuple(known.get((own.kind, own.value), own) for own in asked.tax_ids)
    return profile.model_copy(update=said)


def _placed(asked: AccountAsked, kept: AccountPlace) -> AccountPlace:
    said: dict[str, Any] = {
        name: getattr(asked, name) for name in _PLACED if name in asked.model_fields_set
    }
    if said.get("external_ids", kept) is None:
        said["external_ids"] = {}
    return kept.model_copy(update=said)


def _foreseen(
    context: AppContext, tenant: str, given: AccountPlace, looked: _Looked
) -> AccountSynced:
    certain = certain_match(looked.ours)
    settings = context.tenants.get(tenant)
    # Where a tenant keeps its master data by hand, what is certain is put before a person, too.
    may = settings is not None and settings.policy.accounts.create
    if looked.held is not None or (certain is not None and may):
        return _told(given, looked, "matched", certain=certain, done=False)
    if looked.problem is not None and not looked.ours:
        return _told(given, looked, "underway", done=False)
    if looked.ours or looked.theirs or not may:
        return _told(given, looked, "proposed", done=False)
    return _told(given, looked, "created", done=False)


async def _became(
    context: AppContext, tenant: str, given: AccountPlace, looked: _Looked, change_id: str
) -> AccountSynced:
    customer = given.customer_id
    async with context.database.transaction() as conn:
        now = (await mappings.accounts_now(conn, tenant, [customer])).get(customer)
        done = await effects.of_change(conn, tenant, change_id)
        asked = await exceptions.open_of(conn, tenant, [account_subject(customer)])
    more: dict[str, Any] = {"change_id": change_id, "mapping": now}
    question = _question(asked)
    if now is not None:
        made = any(each.step == _PARTY and each.state is EffectState.CONFIRMED for each in done)
        certain = certain_match(looked.ours)
        return _told(given, looked, "created" if made else "matched", certain=certain, **more)
    if question is not None:
        proposed = question.code in PROPOSALS
        more["question"] = question
        return _told(given, looked, "proposed" if proposed else "underway", **more)
    return _told(given, looked, "underway", **more)


def _question(asked: Sequence[ExceptionView]) -> ExceptionView | None:
    """That of who the customer is, before any other."""
    return next(iter(sorted(asked, key=lambda each: each.code not in PROPOSALS)), None)


def _told(
    given: AccountPlace,
    looked: _Looked,
    outcome: Literal["matched", "proposed", "created", "underway"],
    *,
    mapping: AccountMapping | None = None,
    certain: PartyMatch | None = None,
    change_id: str | None = None,
    question: ExceptionView | None = None,
    done: bool = True,
) -> AccountSynced:
    now = mapping or looked.held
    party = now.erp_party if now else None
    rule = None
    if outcome == "matched":
        party = party or (certain.party if certain else None)
        by_rule = certain is not None and certain.party == party
        rule = certain.by if certain is not None and by_rule else "mapping"
    if looked.held is not None:
        rule = "mapping"
    if question is not None:
        words = question.message
    elif outcome == "proposed" and looked.by_theirs_alone:
        words = _of_theirs(given.customer_id)
    else:
        words = _words(outcome, party, rule, done=done)
    return AccountSynced(
        outcome=outcome,
        done=done,
        customer_id=given.customer_id,
        party=party,
        rule=rule,
        candidates=() if outcome in ("matched", "created") else looked.candidates,
        differs=looked.differs,
        place=given,
        change_id=change_id,
        exception_id=question.exception_id if question else None,
        words=words,
        problem=looked.problem,
    )


def _words(outcome: str, party: str | None, rule: str | None, *, done: bool) -> str:
    match outcome:
        case "matched":
            by = (rule or "").replace("_", " ")
            return f"{'Is' if done else 'Would be'} party {party} of the ERP, by {by}."
        case "created":
            return f"Was made as party {party} of the ERP." if done else "Would be made in the ERP."
        case "proposed":
            return "A person says which party of the ERP it is."
        case _:
            return "Goes on by itself." if done else "What would become of it cannot be told now."


def _of_theirs(customer_id: str) -> str:
    return (
        f"By what was sent customer {customer_id} may be a party of the ERP that billing's own "
        "word does not lead to, so nothing is made: set the account's mapping, or correct in "
        "billing what differs, and send it again."
    )
