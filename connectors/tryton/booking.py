"""What a movement books, by its kind: journal, accounts and legs.

| kind | against the customer's account |
|---|---|
| payment, refund, dispute, dispute_won | the account of the payment method for billing's money |
| paid_elsewhere | the account of the payment method for other money |
| write_off | the account of the write-off method |
| goodwill | the goodwill account |
| balance | the customer's account itself: what is used or kept stands there, open |
| credit_note | the customer's account itself: both documents are settled by one move |

Money for what was written off goes against bad debt, where the loss was booked, and touches no
receivable: the loss and its relief of tax are facts of their period, which opening the document
again would take out of it; so the account shows losses net of what came in after all.

Money is a fact: what a document cannot take of it stays on the account. All else is paper, and is
refused where the document is not open by as much, for then somebody has settled it otherwise.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from canonical_models.documents import SettlementKind
from canonical_models.failures import Rejection
from canonical_models.ledgering import SettlementDraft
from canonical_models.money import Money
from connectors.tryton.allocation import allocate
from connectors.tryton.client import TrytonClient
from connectors.tryton.entries import (
    BALANCE,
    RECOVERED,
    SET_OFF,
    Receivable,
    description_of,
    label_of,
    what,
)
from connectors.tryton.mapping import Amount, Company, Party, Wire, day, decimal, parsed
from connectors.tryton.masterdata import MasterData
from connectors.tryton.methods import Method, Methods
from connectors.tryton.plan import Leg, Plan, balancing
from connectors.tryton.settlement import REFUSED, Settlement, refusal
from connectors.tryton.terms import gathered

#: What is a fact, whatever documents say.
MONEY = frozenset(
    {
        SettlementKind.PAYMENT,
        SettlementKind.PAID_ELSEWHERE,
        SettlementKind.REFUND,
        SettlementKind.DISPUTE,
        SettlementKind.DISPUTE_WON,
    }
)


@dataclass(frozen=True)
class Deal:
    """What a move is of: its reference and description, and its days in the books and in truth."""

    reference: str
    description: str
    legal_entity: str
    currency: str
    on: date
    value_date: date


class _Converted(Wire):
    amount: Amount


@dataclass(frozen=True)
class _Account:
    """The customer's account, by Tryton's ids."""

    party: int
    receivable: int

    def rest(self, minor: int, label: str) -> Leg:
        return Leg(self.receivable, minor, label, self.party)


class Booking:
    def __init__(
        self,
        client: TrytonClient,
        master: MasterData,
        settlement: Settlement,
        methods: Methods,
    ) -> None:
        self._client, self._master, self._settlement = client, master, settlement
        self._methods = methods

    async def plan(
        self,
        draft: SettlementDraft,
        company: Company,
        party: Party,
        document: Receivable | None,
        against: Receivable | None,
    ) -> Plan:
        """The move to make, by how the documents stand now. Raises Rejection for the first thing
        that would keep it from posting, or from settling what it should."""
        if not draft.amount:
            raise refusal(
                f"{what(draft)} is over nothing, so there is nothing to enter: check it in billing",
                draft.external_id,
            )
        receivable = party.account_receivable or await self._master.default_receivable(company)
        if receivable is None:
            raise refusal(
                f"ERP party {draft.party} has no receivable account in {draft.legal_entity}: set "
                "one on the party, or a default in the accounting configuration",
                draft.party,
            )
        account = _Account(party.id, receivable)
        journal, legs = await self._legs(draft, company, account, document, against)
        deal = Deal(
            reference=draft.external_id,
            description=description_of(draft),
            legal_entity=draft.legal_entity,
            currency=draft.amount.currency,
            on=draft.posting_date,
            value_date=draft.value_date,
        )
        return await self.move(deal, company, journal, legs)

    async def move(
        self,
        deal: Deal,
        company: Company,
        journal: int,
        legs: tuple[Leg, ...],
        converted: tuple[Decimal, ...] = (),
    ) -> Plan:
        """A move of these legs. `converted` are all but the last in the currency of the books,
        where the ERP's rate of the value date is not meant."""
        period, currency = await gathered(
            self._master.open_period(deal.legal_entity, deal.on, company, journal=("id", journal)),
            self._master.currency(deal.currency),
        )
        foreign = deal.currency != company.currency.code
        if not converted:
            amounts = [Money(minor=leg.minor, currency=deal.currency) for leg in legs[:-1]]
            converted = tuple(
                [
                    await self._booked(amount, deal, company, currency)
                    if foreign
                    else amount.decimal
                    for amount in amounts
                ]
            )
        return Plan(
            reference=deal.reference,
            description=deal.description,
            company=company,
            journal=journal,
            period=period,
            on=deal.on,
            matures=deal.value_date,
            currency=deal.currency,
            second=currency if foreign else None,
            legs=legs,
            booked=balancing(converted),
        )

    def within(
        self,
        reference: str,
        on: date,
        currency: str,
        company: Company,
        legs: tuple[Leg, ...],
        converted: tuple[Decimal, ...] = (),
    ) -> Callable[[], Awaitable[Plan]]:
        """A move within the customer's account."""

        async def plan() -> Plan:
            deal = Deal(reference, reference, await self._code(company), currency, on, on)
            journal = await self._methods.general_journal(company)
            return await self.move(deal, company, journal, legs, converted)

        return plan

    async def _legs(
        self,
        draft: SettlementDraft,
        company: Company,
        account: _Account,
        document: Receivable | None,
        against: Receivable | None,
    ) -> tuple[int, tuple[Leg, ...]]:
        """The journal, and the legs: those that say what is settled, and the other side last."""
        minor, label = draft.amount.minor, label_of(draft)
        if draft.kind in MONEY:
            method = await self._methods.money(draft, company)
            own = _money_legs(draft, account, document, label)
            if draft.recovered:
                own = [_loss_leg(draft, await self._methods.write_off(draft, company), document)]
            return method.journal, (*own, Leg(method.account(draft.amount), minor, label))
        if draft.kind is SettlementKind.GOODWILL and document is None:
            method = await self._methods.goodwill(draft, company)
            leg = account.rest(-minor, BALANCE)
            return method.journal, (leg, Leg(method.account(draft.amount), minor, label))
        if document is None:
            return await self._without_document(draft, company, account, against, label)
        leg = await self._paper_leg(draft, company, account, document, minor, label)
        match draft.kind:
            case SettlementKind.BALANCE:
                journal = await self._methods.general_journal(company)
                return journal, (leg, account.rest(minor, BALANCE))
            case SettlementKind.CREDIT_NOTE:
                if against is None:
                    raise _incomplete(draft, "the document that it is set off with")
                other = await self._paper_leg(draft, company, account, against, -minor, SET_OFF)
                return await self._methods.general_journal(company), (leg, other)
            case SettlementKind.WRITE_OFF:
                method = await self._methods.write_off(draft, company)
            case _:
                method = await self._methods.goodwill(draft, company)
        return method.journal, (leg, Leg(method.account(draft.amount), minor, label))

    async def _without_document(
        self,
        draft: SettlementDraft,
        company: Company,
        account: _Account,
        against: Receivable | None,
        label: str,
    ) -> tuple[int, tuple[Leg, ...]]:
        """Of a document that is not in the books, or is there no longer: what it moved stands on
        the account, where the document or its reversal meets it."""
        minor = draft.amount.minor
        own = account.rest(-minor, label)
        if draft.kind is SettlementKind.BALANCE:
            return await self._methods.general_journal(company), (own, account.rest(minor, BALANCE))
        if draft.kind is SettlementKind.WRITE_OFF and minor < 0:
            method = await self._methods.write_off(draft, company)
            return method.journal, (own, Leg(method.account(draft.amount), minor, label))
        if draft.kind is SettlementKind.CREDIT_NOTE and against is not None and minor > 0:
            other = await self._paper_leg(draft, company, account, against, -minor, SET_OFF)
            return await self._methods.general_journal(company), (own, other)
        raise _incomplete(draft, "the document that it settles")

    async def _paper_leg(
        self,
        draft: SettlementDraft,
        company: Company,
        account: _Account,
        document: Receivable,
        minor: int,
        label: str,
    ) -> Leg:
        """A leg that settles the document by all of `minor`. One that would open it again uses
        what the document's reversal has left, or takes back what had settled it by as much."""
        found = allocate(minor, document.claim)
        if document.lines_to_pay and not found.opens and not found.rest:
            return Leg(document.account, -minor, label, account.party, document.line)
        if found.opens:
            reversal = await self._settlement.reversal_of(document, company)
            left = reversal and allocate(minor, reversal.claim)
            if reversal and left and not left.opens and not left.rest:
                return Leg(reversal.account, -minor, label, account.party, reversal.line)
            for line in reversed(document.payment_lines):
                if line.money(company) == Money(minor=minor, currency=draft.amount.currency):
                    return Leg(line.account.id, -minor, label, account.party, line.id)
        raise refusal(
            f"{what(draft)} does not fit document {document.name}, of which {document.open} of "
            f"{document.total} is open in the ERP: somebody has settled it otherwise there; undo "
            "that, or enter the difference by hand, and retry",
            draft.external_id,
        )

    async def _code(self, company: Company) -> str:
        row = await self._client.read(
            "company.company",
            str(company.id),
            ("party.code",),
            what="the legal entity",
            company=company.id,
        )
        return str(row["party"]["code"])

    async def _booked(self, amount: Money, deal: Deal, company: Company, currency: int) -> Decimal:
        """In the currency of the books, by the ERP's own rate of the day that it happened."""
        answer = await self._client.rpc(
            "model.currency.currency.compute",
            currency,
            decimal(amount.decimal),
            await self._master.currency(company.currency.code),
            what=f"the rate of {amount.currency} on {deal.value_date}",
            company=company.id,
            context={"date": day(deal.value_date)},
            refused=REFUSED,
        )
        return parsed(_Converted, {"amount": answer}, "conversion").amount


def stays(draft: SettlementDraft, document: Receivable) -> bool:
    """Whether the movement may stand on the account where the document has nothing open."""
    return draft.kind in MONEY and draft.amount.minor * document.total.minor >= 0


def _loss_leg(draft: SettlementDraft, lost: Method, document: Receivable | None) -> Leg:
    """Credits the loss; by its origin it still says of which document."""
    label = " ".join(filter(None, (RECOVERED, draft.about)))
    named = document.line if document and document.lines_to_pay else None
    return Leg(lost.debit_account, -draft.amount.minor, label, settles=named)


def _money_legs(
    draft: SettlementDraft, account: _Account, document: Receivable | None, label: str
) -> list[Leg]:
    usable = document if document is not None and document.lines_to_pay else None
    found = allocate(draft.amount.minor, usable.claim if usable else None)
    if usable is None or not found.share:
        return [account.rest(-draft.amount.minor, label)]
    own = [Leg(usable.account, -found.share, label, account.party, usable.line)]
    if found.opens and found.rest:
        raise refusal(
            f"{what(draft)} takes {draft.amount} from document {usable.name}, which is settled by "
            f"{usable.total - usable.open} in the ERP: look there for what is missing, or enter it "
            "by hand",
            draft.external_id,
        )
    if found.opens:
        # Posting reconciles a line of nothing at once, and that makes Tryton look again whether
        # the documents of the move are paid. To ask for that by name takes an administrator.
        own.append(account.rest(0, ""))
    elif found.rest:
        own.append(account.rest(-found.rest, label))
    return own


def _incomplete(draft: SettlementDraft, missing: str) -> Rejection:
    return refusal(
        f"{what(draft)} does not name {missing}: post its document first and retry",
        draft.external_id,
    )
