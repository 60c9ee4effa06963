"""Customers through the port: made, invoiced as billing names them, paid, and kept."""

import secrets

import pytest

from canonical_models.commerce import AccountProfile
from canonical_models.documents import BilledParty, PostalAddress, SettlementKind, TaxId
from canonical_models.ledgering import DocumentState, SettlementDraft
from canonical_models.money import Money
from connectors.tryton.adapter import TrytonErp
from tests.connectors.tryton.drafts import draft, line, tax, today
from tests.harness.erp import Books

pytestmark = [pytest.mark.erp, pytest.mark.timeout(300)]


async def test_a_new_customer_is_made_invoiced_and_pays(books: TrytonErp, ledger: Books) -> None:
    """Reverse charge by the policy's rule; the document shows whom billing names."""
    number = secrets.token_hex(6)
    profile = AccountProfile(
        customer_id=f"cus_{number}",
        name=f"Donauwerft {number}",
        address=PostalAddress(lines=("Kai 1",), city="Linz", country="AT"),
        tax_ids=(TaxId(kind="eu_vat", value="ATU12345675", country="AT", verified=True),),
    )
    party = await books.create_party(profile, tax_rules={"LE-DE": "EU reverse charge"})
    wanted = draft(
        line("PRO", "100.00", tax_codes=("Reverse charge 0 %",)),
        taxes=(tax(("Reverse charge 0 %", "0"), "100.00", "0.00"),),
        party=party.party,
        bill_to=BilledParty(name=profile.name, address=profile.address, tax_ids=profile.tax_ids),
    )
    document = await books.post(wanted)
    entry = await books.settle(
        SettlementDraft(
            external_id=f"py_{number}",
            kind=SettlementKind.PAYMENT,
            legal_entity="LE-DE",
            party=party.party,
            amount=Money(minor=10000, currency="EUR"),
            value_date=today(),
            posting_date=today(),
            document=document.document_id,
        )
    )

    (told,) = await books.statuses((document.document_id,), "LE-DE")
    assert (told.state, told.open.minor) == (DocumentState.PAID, 0)
    assert await books.find_entries(entry.external_id, "LE-DE") == (entry,)
    assert await books.open_items(party.party, "LE-DE") == ()
    assert await ledger.open_items(party.party, "LE-DE") == []
    (shown,) = await ledger.documents(party=party.party)
    assert shown.taxes[0].legal_notice is not None
