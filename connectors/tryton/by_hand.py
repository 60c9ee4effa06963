"""Money that people have entered for a document: a posted move that is not ours, of which a line is
settled with the document or registered as its payment, and of which all the rest stands on accounts
that payment methods name, such as a bank. A write-off, a credit note and a set-off are no money."""

from dataclasses import dataclass

from canonical_models.ledgering import SettlementEntry
from canonical_models.money import Money
from connectors.tryton.client import TrytonClient
from connectors.tryton.entries import LINE, LINE_FIELDS, Keyed, MoveLine, Receivable
from connectors.tryton.mapping import Company, Wire, parsed
from connectors.tryton.methods import Methods

_FIELDS = (*LINE_FIELDS, "move.id", "move.number", "move.state", "move.create_uid.login")


class _Maker(Wire):
    login: str


class _Move(Wire):
    id: int
    number: str | None
    state: str
    create_uid: _Maker | None


class _Paying(MoveLine):
    move: _Move


class _Type(Wire):
    receivable: bool


class _Account(Keyed):
    type: _Type | None


class _Other(Wire):
    account: _Account


@dataclass(frozen=True)
class PaidByHand:
    client: TrytonClient
    methods: Methods

    async def of(
        self, document: Receivable, legal_entity: str, company: Company
    ) -> tuple[SettlementEntry, ...]:
        """By move, oldest first. An amount is positive where it reduces what the customer owes."""
        own = [line.id for line in document.lines_to_pay]
        settled = sorted(
            {line.reconciliation for line in document.lines_to_pay if line.reconciliation}
        )
        registered = [line.id for line in document.payment_lines]
        rows = await self.client.search(
            LINE,
            [
                ["OR", ["reconciliation", "in", settled], ["id", "in", registered]],
                ["id", "not in", own],
                ["move.state", "=", "posted"],
                ["account.type.receivable", "=", True],
            ],
            _FIELDS,
            what=f"what has paid document {document.name}",
            company=company.id,
        )
        lines = [parsed(_Paying, row, "line") for row in rows]
        theirs = [line for line in lines if not self._ours(line.move)]
        money = await self._money({line.move.id for line in theirs}, company)
        found: dict[int, SettlementEntry] = {}
        for line in theirs:
            if line.move.id not in money:
                continue
            amount = -line.money(company)
            before = found.get(line.move.id)
            found[line.move.id] = SettlementEntry(
                entry_id=str(line.move.id),
                legal_entity=legal_entity,
                external_id="",
                number=line.move.number,
                amount=amount if before is None else before.amount + amount,
                posted_on=line.date,
                ours=False,
            )
        return tuple(found[key] for key in sorted(found))

    def _ours(self, move: _Move) -> bool:
        return move.create_uid is not None and move.create_uid.login == self.client.login

    async def _money(self, moves: set[int], company: Company) -> set[int]:
        """Those of which all but what is on customers' accounts stands where money does."""
        if not moves:
            return set()
        rows = await self.client.search(
            LINE,
            [["move", "in", sorted(moves)]],
            ("move", "account.id", "account.type.receivable"),
            what="where money came from",
            company=company.id,
        )
        stands = await self.methods.past_billing(company)
        accounts = [(row["move"], parsed(_Other, row, "line").account) for row in rows]
        beside = [
            (move, account)
            for move, account in accounts
            if account.type is None or not account.type.receivable
        ]
        elsewhere = {move for move, account in beside if account.id not in stands}
        return {move for move, _ in beside} - elsewhere


def sum_of(payments: tuple[SettlementEntry, ...], currency: str) -> Money | None:
    """None where some of it is in another currency."""
    if any(each.amount.currency != currency for each in payments):
        return None
    return Money.total((each.amount for each in payments), currency)
