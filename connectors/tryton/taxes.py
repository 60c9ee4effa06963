"""The taxes of a legal entity, by Tryton's ids and by the names that finance gives them."""

import time
from collections.abc import Iterable
from decimal import Decimal

from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import TaxCode
from connectors.tryton.client import TrytonClient
from connectors.tryton.errors import SYSTEM
from connectors.tryton.mapping import Amount, Company, Wire, parsed

#: Seconds for which a list of taxes is used without asking again.
FRESH = 30.0


class Tax(Wire):
    id: int
    name: str
    description: str | None
    type: str
    rate: Amount | None
    active: bool
    invoice_account: int | None


class Taxes:
    """All taxes of one legal entity, deactivated ones too: documents that have them are read."""

    def __init__(self, legal_entity: str, taxes: Iterable[Tax]) -> None:
        self._legal_entity = legal_entity
        self._by_id = {tax.id: tax for tax in taxes}

    def __contains__(self, tax: int) -> bool:
        return tax in self._by_id

    def name(self, tax: int) -> str:
        found = self._by_id.get(tax)
        return found.name if found else f"tax {tax}"

    def rate(self, tax: int) -> Decimal:
        found = self._by_id.get(tax)
        return (found.rate or Decimal(0)) if found else Decimal(0)

    def account(self, tax: int) -> int | None:
        """What the tax is owed on."""
        found = self._by_id.get(tax)
        return found.invoice_account if found else None

    def code(self, tax: int, *, item: str | None = None) -> TaxCode:
        """A tax of the item, or one that was asked for by its name.

        Raises Rejection (tax_undetermined) for what is no plain percentage.
        """
        found = self._by_id.get(tax)
        if found is None or found.type != "percentage" or found.rate is None:
            raise Rejection(
                RejectionCode.TAX_UNDETERMINED,
                f"the tax {self.name(tax)!r} {f'of ERP item {item} ' if item else ''}in "
                f"{self._legal_entity} is not a plain percentage: use a percentage tax",
                system=SYSTEM,
                subject=item or self.name(tax),
            )
        return TaxCode(code=found.name, rate=found.rate)

    def named(self, code: str) -> int:
        """The active tax that finance calls so; its description counts where no name is the same.

        Raises Rejection (tax_undetermined) where there is none or several.
        """
        active = [tax for tax in self._by_id.values() if tax.active]
        found = [tax for tax in active if tax.name == code]
        found = found or [tax for tax in active if tax.description == code]
        if len(found) != 1:
            raise Rejection(
                RejectionCode.TAX_UNDETERMINED,
                f"{self._legal_entity} has {len(found) or 'no'} active ERP taxes called {code!r}: "
                "correct the tax code in the policy, or name the taxes apart in the ERP",
                system=SYSTEM,
                subject=code,
            )
        return found[0].id


class TaxBook:
    def __init__(self, client: TrytonClient) -> None:
        self._client = client
        self._known: dict[int, tuple[float, Taxes]] = {}

    async def of(self, legal_entity: str, company: Company, needed: Iterable[int] = ()) -> Taxes:
        """The taxes, from memory if they were read a moment ago and `needed` are among them."""
        at, known = self._known.get(company.id, (-FRESH, None))
        recent = known is not None and time.monotonic() - at <= FRESH
        if known is None or not recent or any(tax not in known for tax in needed):
            rows = await self._client.search(
                "account.tax",
                [["company", "=", company.id], ["active", "in", [True, False]]],
                ["name", "description", "type", "rate", "active", "invoice_account"],
                what=f"the taxes of {legal_entity}",
                company=company.id,
            )
            known = Taxes(legal_entity, (parsed(Tax, row, "tax") for row in rows))
            self._known[company.id] = (time.monotonic(), known)
        return known
