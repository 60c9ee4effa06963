"""What an ERP makes of a draft, to the letter."""

from collections.abc import Callable

from canonical_models.cash import DepositDraft, DepositEntry
from canonical_models.ledgering import DocumentDraft, DocumentState, ErpDocument, ErpLine, TaxCode
from canonical_models.money import Money

REVENUE = "4.2.2"


def deposited(draft: DepositDraft) -> DepositEntry:
    """As the ERP says it; nothing is converted here."""
    return DepositEntry(
        entry_id=f"move/{draft.external_id}",
        external_id=draft.external_id,
        number=f"M-{draft.external_id}",
        posted_on=draft.value_date,
        received=draft.received,
        fee=draft.fee,
        fee_tax=draft.fee_tax,
        cleared=(draft.cleared,) if draft.cleared else (),
        conversion=Money.zero(draft.received.currency),
    )


def as_drafted(
    draft: DocumentDraft,
    *,
    document_id: str,
    number: str,
    taxes: Callable[[str], tuple[TaxCode, ...]],
) -> ErpDocument:
    """The document that an ERP makes of the draft, to the letter; `taxes` are its own of an item,
    for lines that name none."""
    return ErpDocument(
        document_id=document_id,
        external_id=draft.external_id,
        legal_entity=draft.legal_entity,
        party=draft.party,
        currency=draft.currency,
        number=number,
        billing_number=draft.number,
        kind=draft.kind,
        state=DocumentState.POSTED,
        document_date=draft.issued_on,
        posting_date=draft.posting_date,
        due_on=draft.due_on,
        lines=tuple(
            ErpLine(
                line_id=line.line_id,
                item=line.item,
                account=REVENUE,
                description=line.description,
                net=line.net,
                tax_codes=tuple(tax.code for tax in taxes(line.item))
                if line.tax_codes is None
                else line.tax_codes,
                service_from=line.service_from,
                service_to=line.service_to,
                corrects=line.corrects,
            )
            for line in draft.lines
        ),
        taxes=draft.taxes,
        net=draft.net,
        tax=draft.tax,
        open=draft.gross,
        corrects=draft.corrects,
    )
