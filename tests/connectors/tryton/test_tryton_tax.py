"""Billing's tax in a real Tryton: the ERP's to the last unit, code by code, or refused."""

from decimal import Decimal

import pytest

from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import DocumentDraft, DocumentState
from canonical_models.money import Money
from connectors.tryton.adapter import TrytonErp
from tests.connectors.tryton.drafts import DE_7, DE_19, FR_20, draft, line, number_of, tax
from tests.harness.erp import Books

pytestmark = [pytest.mark.slow, pytest.mark.erp, pytest.mark.timeout(300)]

ROUNDED = [
    # Billing rounds each line, the ERP the document.
    ([("PRO", "10.02")] * 3, "EUR", "30.06", "5.70", "-0.01"),
    ([("PRO", "10.03")] * 3, "EUR", "30.09", "5.73", "0.01"),
    ([("PRO", "10.03")] * 3, "USD", "30.09", "5.73", "0.01"),
    # Inclusive prices of 340.00 and 13.90 come as nets.
    ([("PRO", "285.71"), ("PRO", "11.68")], "EUR", "297.39", "56.51", "0.01"),
    # Two rows of one tax, by sign.
    ([("PRO", "10.03"), ("PRO", "-3.33")], "EUR", "6.70", "1.28", None),
    ([("PRO", "1001")] * 2, "JPY", "2002", "381", "1"),
    ([("PRO", "1.003")] * 2, "KWD", "2.006", "0.382", "0.001"),
]


@pytest.mark.parametrize(("lines", "currency", "base", "amount", "rounding"), ROUNDED)
async def test_billings_tax_is_the_erps_tax_to_the_last_unit(
    books: TrytonErp,
    ledger: Books,
    lines: list[tuple[str, str]],
    currency: str,
    base: str,
    amount: str,
    rounding: str | None,
) -> None:
    before = await ledger.tax_by_code("LE-DE")
    wanted = draft(
        *(line(item, net, currency=currency) for item, net in lines),
        taxes=(tax(DE_19, base, amount, currency=currency),),
        currency=currency,
    )

    made = await books.post(wanted)

    assert (made.gross, made.open, made.taxes) == (wanted.gross, wanted.gross, wanted.taxes)
    assert made.rounding == (rounding and Money.of(rounding, currency))
    if currency == "EUR":
        after = await ledger.tax_by_code("LE-DE")
        earlier = before.get("DE-VAT-19")
        assert after["DE-VAT-19"].tax - (earlier.tax if earlier else 0) == Decimal(amount)
        assert after["DE-VAT-19"].base - (earlier.base if earlier else 0) == Decimal(base)
    assert sum((await ledger.trial_balance("LE-DE")).values()) == 0


BOTH = (line("PRO", "50.00"), line("HANDBOOK", "50.00"))
SWAPPED = (line("PRO", "40.00"), line("HANDBOOK", "60.00"))


@pytest.mark.parametrize(
    "wanted",
    [
        draft(*BOTH),
        draft(*BOTH, taxes=(tax(DE_19, "100.00", "19.00"),)),
        draft(*SWAPPED, taxes=(tax(DE_7, "40.00", "2.80"), tax(DE_19, "60.00", "11.40"))),
        draft(*BOTH, taxes=(tax(DE_19, "50.00", "9.55"), tax(DE_7, "50.00", "3.50"))),
        draft(line("PRO", "50.00"), taxes=(tax(FR_20, "50.00", "10.00"),)),
        draft(line("PRO", "50.00"), taxes=(tax(("VAT 19 %", "0.20"), "50.00", "10.00"),)),
    ],
    ids=["none", "one-for-both", "swapped", "more-than-rounding", "another", "another-rate"],
)
async def test_tax_that_does_not_agree_is_refused_with_both_sides(
    books: TrytonErp, ledger: Books, wanted: DocumentDraft
) -> None:
    before = await ledger.trial_balance("LE-DE")

    with pytest.raises(Rejection) as refused:
        await books.post(wanted)

    assert refused.value.reason is RejectionCode.TAX_MISMATCH
    if wanted.taxes and wanted.taxes[0].rate != Decimal("0.20"):
        for total in wanted.taxes:
            assert f"{total.code}: {total.amount} on {total.base}" in refused.value.message
    assert await ledger.trial_balance("LE-DE") == before
    found = await books.find(wanted.external_id, "LE-DE")
    assert all(document.state is DocumentState.CANCELLED for document in found)


async def test_a_tax_of_nothing_need_not_be_named_and_brings_its_notice(
    books: TrytonErp, ledger: Books
) -> None:
    made = await books.post(draft(line("PRO", "50.00"), party="C-1002"))

    (row,) = (await ledger.document(number_of(made))).taxes
    assert (row.code, row.base, row.amount) == ("DE-RC-0", Decimal("50.00"), Decimal(0))
    assert "Reverse charge" in (row.legal_notice or "")


async def test_a_code_that_is_named_goes_before_the_erps_own(
    books: TrytonErp, ledger: Books
) -> None:
    wanted = draft(
        line("PRO", "50.00", tax_codes=("VAT France 20 %",)),
        taxes=(tax(FR_20, "50.00", "10.00"),),
    )

    made = await books.post(wanted)

    assert made.taxes == wanted.taxes
    assert (await ledger.document(number_of(made))).taxes[0].code == "DE-OSS-FR-20"
