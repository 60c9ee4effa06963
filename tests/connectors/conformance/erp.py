"""An ERP behind `ErpPort`, as the suite needs it described."""

import secrets
from abc import abstractmethod
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import httpx

from canonical_models.commerce import AccountProfile
from canonical_models.documents import DocumentKind, PostalAddress, SettlementKind
from canonical_models.ledgering import DocumentDraft, DraftLine, SettlementDraft, TaxTotal
from canonical_models.money import Money
from connectors.config import ConnectionConfig
from connectors.ports import ErpPort
from tests.connectors.conformance.describing import Act, Look, Port, System


@dataclass(frozen=True)
class Sale:
    """What the ERP's master data let us sell: an item with its tax, to a party."""

    legal_entity: str
    party: str
    item: str
    tax_code: str
    tax_rate: Decimal


@dataclass(frozen=True)
class Stands:
    """A final document as the ERP's own people see it; credits are negative."""

    document_id: str
    gross: Decimal
    open: Decimal


class ErpSystem(System):
    #: The adapter by which tests make what they are not about; it keeps what it knows.
    _maker: ErpPort | None = None

    #: (currency, net, tax) in major units, of 0, 2 and 3 digits, as `sale` taxes them.
    amounts: tuple[tuple[str, str, str], ...]

    @abstractmethod
    def connect(
        self, config: ConnectionConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> ErpPort:
        """The adapter."""

    def maker(self) -> ErpPort:
        if self._maker is None:
            self._maker = self.connect(self.config())
        return self._maker

    async def close(self) -> None:
        if self._maker is not None:
            await self._maker.close()

    @abstractmethod
    async def sale(self) -> Sale:
        """To a party without documents."""

    @abstractmethod
    async def standing(self, external_id: str) -> list[Stands]:
        """Final documents that carry our reference, those that were taken back by a document of
        their own included."""

    @abstractmethod
    async def owed(self, party: str) -> Decimal:
        """What the party owes, by its account, in the currency of the books."""

    @abstractmethod
    async def parties_of(self, customer_id: str) -> int:
        """How many parties carry this customer's id."""


def today() -> date:
    return datetime.now(UTC).date()


def draft(
    sale: Sale, *, currency: str = "EUR", net: str = "100.00", tax: str = "19.00"
) -> DocumentDraft:
    token = secrets.token_hex(5)
    base = Money.of(net, currency)
    line = DraftLine(line_id=f"il_{token}", item=sale.item, description="Seats", net=base)
    taxed = TaxTotal(
        code=sale.tax_code, rate=sale.tax_rate, base=base, amount=Money.of(tax, currency)
    )
    return DocumentDraft(
        external_id=f"in_{token}",
        kind=DocumentKind.INVOICE,
        legal_entity=sale.legal_entity,
        party=sale.party,
        currency=currency,
        number=f"INV-{token}",
        issued_on=today(),
        posting_date=today(),
        lines=(line,),
        taxes=(taxed,),
    )


@dataclass(frozen=True)
class Posted:
    draft: DocumentDraft
    document_id: str

    @property
    def reference(self) -> str:
        return f"{self.draft.external_id}/void"

    @property
    def payment(self) -> SettlementDraft:
        return SettlementDraft(
            external_id=f"py_{self.draft.external_id}",
            kind=SettlementKind.PAYMENT,
            legal_entity=self.draft.legal_entity,
            party=self.draft.party,
            amount=self.draft.gross,
            value_date=today(),
            posting_date=today(),
            document=self.document_id,
        )


async def unposted(system: ErpSystem) -> DocumentDraft:
    return draft(await system.sale())


async def posted(system: ErpSystem) -> Posted:
    wanted = draft(await system.sale())
    return Posted(wanted, (await system.maker().post(wanted)).document_id)


async def _post(port: ErpPort, subject: DocumentDraft) -> object:
    return await port.post(subject)


async def _posted(system: ErpSystem, subject: DocumentDraft) -> int:
    found = await system.standing(subject.external_id)
    assert {each.gross for each in found} <= {subject.gross.decimal}
    assert await system.owed(subject.party) == len(found) * subject.gross.decimal
    return len(found)


async def _reverse(port: ErpPort, subject: Posted) -> object:
    return await port.reverse(
        subject.document_id, subject.draft.legal_entity, reference=subject.reference, on=today()
    )


async def _reversed(system: ErpSystem, subject: Posted) -> int:
    gross = subject.draft.gross.decimal
    found = await system.standing(subject.reference)
    assert {each.gross for each in found} <= {-gross}
    assert await system.owed(subject.draft.party) == gross - len(found) * gross
    return len(found)


async def _settle(port: ErpPort, subject: Posted) -> object:
    return await port.settle(subject.payment)


async def _settled(system: ErpSystem, subject: Posted) -> int:
    gross = subject.draft.gross.decimal
    times, rest = divmod(gross - await system.owed(subject.draft.party), gross)
    assert not rest
    (document,) = await system.standing(subject.draft.external_id)
    # What is entered and not set off yet is finished by the next try.
    assert document.open in ((gross,) if not times else (gross, Decimal(0)))
    return int(times)


async def _newcomer(_system: ErpSystem) -> AccountProfile:
    token = secrets.token_hex(5)
    address = PostalAddress(
        lines=("Am Markt 1",), postal_code="20457", city="Hamburg", country="DE"
    )
    return AccountProfile(customer_id=f"cus_{token}", name=f"Newcomer {token}", address=address)


async def _create(port: ErpPort, subject: AccountProfile) -> object:
    return await port.create_party(subject, tax_rules={})


async def _created(system: ErpSystem, subject: AccountProfile) -> int:
    return await system.parties_of(subject.customer_id)


async def _document(system: ErpSystem) -> str:
    return (await posted(system)).document_id


def erp(legal_entity: str) -> Port:
    """The port in one legal entity, that of the description's `sale`."""

    async def read(port: ErpPort, subject: str) -> object:
        return await port.read(subject, legal_entity)

    return Port(
        acts=(
            Act("post", unposted, _post, _posted),
            Act("reverse", posted, _reverse, _reversed),
            Act("settle", posted, _settle, _settled),
            Act("create_party", _newcomer, _create, _created),
        ),
        look=Look("read", _document, read),
    )
