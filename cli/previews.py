"""What would happen, as it is shown."""

from rich.console import Console
from rich.text import Text

from canonical_models.preview import Foreseen
from cli.output import show_rows


def show_foreseen(found: Foreseen) -> None:
    """One case: what it comes to, its documents line by line, and access."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(f"{found.comes.value.replace('_', ' ')}: {found.summary or found.subject}"))
    if found.why:
        console.print(Text(found.why))
    if found.goes_on:
        console.print(Text(f"Goes on: {' and '.join(found.goes_on)}"))
    for document in found.documents:
        name = document.number or document.document_id
        what = "is reversed" if document.void else f"on {document.posting_date}"
        show_rows(
            (
                *(
                    (line.item, line.description, line.quantity, line.net)
                    for line in document.lines
                ),
                *(
                    (tax.code, f"{tax.rate} of {tax.base}", None, tax.amount)
                    for tax in document.taxes
                ),
                ("", "gross", None, document.gross),
            ),
            (f"{name} in {document.legal_entity} {what}", "", "quantity", "amount"),
        )
    if found.unbilled:
        when = f" on {found.unbilled_on}" if found.unbilled_on else ""
        show_rows(
            ((line.item, line.description, line.quantity, line.net) for line in found.unbilled),
            (f"waits for the next invoice{when}", "", "quantity", "net"),
        )
    if found.settlements:
        console.print(Text(f"Settlements to enter: {found.settlements}"))
    show_rows(
        (
            (
                feature,
                found.features_before.get(feature),
                found.features.get(feature),
            )
            for feature in sorted({*found.features_before, *found.features})
        ),
        ("feature", "before", "after"),
        empty="gives no access",
    )
    if found.tier != found.tier_before:
        console.print(Text(f"Support: {found.tier_before or '-'} → {found.tier or '-'}"))
    if found.contract is not None:
        end = f"ends {found.contract.ends_at:%Y-%m-%d %H:%M} UTC" if found.contract.ends_at else ""
        console.print(Text(f"Contract: {end or 'runs on'}"))
    for need in found.approvals:
        who = " or ".join(need.roles) or "anybody who may approve"
        console.print(Text(f"Needs {need.people} of {who}: it {need.why}"))
    if found.terms:
        console.print(Text(f"Terms: {found.terms}"))
