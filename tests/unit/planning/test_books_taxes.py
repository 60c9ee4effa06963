"""Billing's taxes under the ERP's codes. All figures are worked out by hand."""

from decimal import Decimal

import pytest

from canonical_models.ledgering import (
    TaxCode,
    TaxTotal,
)
from planning.taxes import rounding_limit
from tests.unit.planning.answers import by_item, plan, refused, sums, terms, the_step
from tests.unit.planning.cases import (
    REVERSE_CHARGE,
    VAT_7,
    VAT_19,
    books,
    document,
    eur,
    line,
    seen,
    tax,
)


def test_billings_amounts_count_under_the_erps_code() -> None:
    found = document(line("a", 10000, tax(1900)), line("b", -2500, tax(-475)))
    draft = the_step(plan(books(seen(found)), terms(VAT_19))).draft
    assert draft is not None
    assert draft.taxes == (
        TaxTotal(code="VAT 19 %", rate=Decimal("0.19"), base=eur(7500), amount=eur(1425)),
    )
    assert [told.tax_codes for told in draft.lines] == [("VAT 19 %",), ("VAT 19 %",)]


def test_untaxed_by_billing_and_taxed_by_the_erp_is_a_mismatch() -> None:
    """5 x 10.00, no tax objects: the ERP would book 59.50."""
    told = refused(document(line(net=5000)), terms(VAT_19))
    assert (told.code, told.subject) == ("tax_mismatch", "in_1")
    assert told.message.startswith(
        "invoice INV-7, line il_1: billing 50.00, of it tax 0.00; the ERP would book 59.50, of it "
        "VAT 19 % 9.50: align"
    )


def test_one_line_without_tax_turns_nothing_off() -> None:
    """One line at 7 %, one untaxed that the ERP would tax: 117.00 against 130.90."""
    found = document(line("a", 5000, tax(350, "0.07")), line("b", 6000))
    assert "line b: billing 60.00, of it tax 0.00; the ERP would book 64.20" in (
        refused(found, terms(VAT_7)).message
    )
    free = document(line("a", 5000, tax(350, "0.07")), line("b", 6000, item="ai"))
    assert sums(free, by_item({"PRO": (VAT_7,), "AI-ADDON": ()})) == [("VAT 7 %", 5000, 350)]


def test_untaxed_on_both_sides_books_no_tax() -> None:
    assert sums(document(line(net=5000)), terms()) == []


def test_a_code_that_does_not_name_its_rate_is_told_with_it() -> None:
    told = refused(document(line(net=5000)), terms(TaxCode(code="GST", rate=Decimal("0.05"))))
    assert "the ERP would book 52.50, of it GST 5 % 2.50" in told.message


def test_taxed_by_billing_alone_is_a_mismatch() -> None:
    told = refused(document(line("a", 5000, tax(950))), terms())
    assert "billing 59.50, of it tax 19 % 9.50; the ERP would book 50.00, of it tax 0.00" in (
        told.message
    )


def test_rates_that_were_swapped_between_equal_lines() -> None:
    """Both documents come to 226.00 with 26.00 of tax."""
    swapped = document(
        line("a", 10000, tax(700, "0.07")), line("b", 10000, tax(1900), item="starter")
    )
    erp = by_item({"PRO": (VAT_19,), "STARTER": (VAT_7,)})
    told = refused(swapped, erp)
    assert (
        "line a: billing 107.00, of it tax 7 % 7.00; the ERP would book 119.00, of it VAT 19 % "
        "19.00"
    ) in told.message
    right = by_item({"PRO": (VAT_7,), "STARTER": (VAT_19,)})
    assert sums(swapped, right) == [("VAT 7 %", 10000, 700), ("VAT 19 %", 10000, 1900)]
    # Also where billing does not name the rates.
    nameless = document(
        line("a", 10000, tax(700, None)), line("b", 10000, tax(1900, None), item="starter")
    )
    assert refused(nameless, erp).code == "tax_mismatch"
    assert sums(nameless, right) == [("VAT 7 %", 10000, 700), ("VAT 19 %", 10000, 1900)]


def test_five_hundred_small_lines_hide_nothing() -> None:
    """500 x 0.20 with 0.04 each are 20.00; a code of 17 % gives 17.00 on 100.00."""
    vat_17 = TaxCode(code="VAT 17", rate=Decimal("0.17"))
    many = document(*(line(f"il_{n}", 20, tax(4, None)) for n in range(500)))
    told = refused(many, terms(vat_17))
    assert (told.code, told.subject) == ("tax_mismatch", "in_1")
    assert told.message == (
        "invoice INV-7: billing 120.00, of it tax 17 % 20.00; the ERP would book 117.00, of it "
        "VAT 17 17 % 17.00; that is 3.00 apart, of which rounding may be 0.05"
    )


@pytest.mark.parametrize(
    ("lines", "limit", "amount"),
    [
        # 3 x 10.02 at 19 %: 1.9038 a line, 1.90 each by billing; 5.7114 on 30.06.
        (((1002, 190), (1002, 190), (1002, 190)), "0.05", 570),
        # 3 x 10.03: 1.9057, 1.91 each, 5.73; 5.7171 on 30.09 are 5.72.
        (((1003, 191), (1003, 191), (1003, 191)), "0.05", 573),
        # Inclusive: 340.00 are 285.71 + 54.29, 13.90 are 11.68 + 2.22.
        (((28571, 5429), (1168, 222)), "0.05", 5651),
        (((1002, 190), (1002, 190), (1002, 190)), "0.01", 570),
        (((1002, 190), (1002, 190), (1002, 190)), "0", None),
        # 5 lines of 0.50 and 0.09 each: 0.095, so 0.45 against 0.475, which are 0.48.
        (((50, 9),) * 5, "0.03", 45),
        (((50, 9),) * 5, "0.02", None),
    ],
)
def test_what_the_erp_rounds_otherwise_is_billings_up_to_the_limit(
    lines: tuple[tuple[int, int], ...], limit: str, amount: int | None
) -> None:
    found = document(
        *(line(f"il_{n}", net, tax(minor, inclusive=True)) for n, (net, minor) in enumerate(lines))
    )
    policy = {"rounding_limit": Decimal(limit)}
    if amount is None:
        assert refused(found, terms(VAT_19), policy=policy).code == "tax_mismatch"
    else:
        base = sum(net for net, _ in lines)
        assert sums(found, terms(VAT_19), policy=policy) == [("VAT 19 %", base, amount)]


def test_half_a_unit_is_rounded_up_on_both_sides_of_zero() -> None:
    """0.50 at 19 % are 0.095, at 9 % 0.045, at 7 % 0.035: 0.10, 0.05 and 0.04 by hand."""
    exact = {"policy": {"rounding_limit": Decimal(0)}}
    for sign in (1, -1):
        assert sums(document(line("a", 50 * sign, tax(10 * sign))), terms(VAT_19), **exact)
        assert refused(document(line("a", 50 * sign, tax(9 * sign))), terms(VAT_19), **exact)
        ninth = TaxCode(code="NINE", rate=Decimal("0.09"))
        assert sums(document(line("a", 50 * sign, tax(5 * sign, "0.09"))), terms(ninth), **exact)
        assert refused(document(line("a", 50 * sign, tax(4 * sign, "0.09"))), terms(ninth), **exact)
        found = document(line("a", 50 * sign, tax(4 * sign, "0.07")))
        assert sums(found, terms(VAT_7), **exact)


@pytest.mark.parametrize(
    ("limit", "currency", "codes", "minor"),
    [
        ("0.05", "EUR", 1, 5),
        ("0.05", "EUR", 9, 5),
        ("0.05", "KWD", 1, 50),
        ("0.05", "JPY", 1, 1),
        ("0.05", "JPY", 3, 3),
        ("2", "JPY", 3, 2),
        ("1", "JPY", 3, 1),
        ("0.001", "EUR", 2, 2),
        ("0", "EUR", 4, 0),
        ("0", "JPY", 4, 0),
    ],
)
def test_the_limit_in_the_currencys_own_units(
    limit: str, currency: str, codes: int, minor: int
) -> None:
    assert rounding_limit(Decimal(limit), currency, codes) == minor


@pytest.mark.parametrize(
    ("currency", "net", "amount", "taken"),
    [
        # 10 % of 1,005 yen are 100.5: billing rounds down, the ERP up.
        ("JPY", 1005, 100, True),
        ("JPY", 1005, 99, False),
        # 10 % of 1.234 dinar are 0.1234.
        ("KWD", 1234, 123, True),
        ("KWD", 1234, 125, False),
    ],
)
def test_other_currencies_round_in_their_own_units(
    currency: str, net: int, amount: int, taken: bool
) -> None:
    tenth = TaxCode(code="CT", rate=Decimal("0.1"))
    found = document(
        line("a", net, tax(amount, "0.1", currency), currency=currency), currency=currency
    )
    told = plan(books(seen(found), subscription=None), terms(tenth))
    assert (told.refused is None) is taken


@pytest.mark.parametrize(
    ("rate", "amount", "taken"),
    [
        ("0.19", 1900, True),
        # Rounding is one unit a line, whatever billing calls the rate.
        ("0.19", 1901, True),
        ("0.19", 1899, True),
        ("0.19", 1902, False),
        ("0.19", 1898, False),
        (None, 1901, True),
        (None, 1902, False),
        (None, 1898, False),
        ("0.2", 1900, False),
        ("0.190", 1900, True),
    ],
)
def test_rate_and_amount_of_a_line(rate: str | None, amount: int, taken: bool) -> None:
    found = document(line("a", 10000, tax(amount, rate)))
    told = plan(books(seen(found)), terms(VAT_19))
    assert (told.refused is None) is taken


def test_reverse_charge_keeps_its_code() -> None:
    """A code of no rate, with or without a tax object of billing's."""
    for taxes in ((), (tax(0, "0", reason="reverse_charge"),), (tax(0, None),)):
        found = document(line("a", 5000, *taxes))
        assert sums(found, terms(REVERSE_CHARGE)) == [("RC 0 %", 5000, 0)]


@pytest.mark.parametrize("reason", ["reverse_charge", "customer_exempt"])
def test_a_rate_that_the_customer_does_not_owe_is_none(reason: str) -> None:
    """Billing names the full rate of what it did not charge."""
    free = document(line("a", 5000, tax(0, "0.19", reason=reason)))
    assert sums(free, terms(REVERSE_CHARGE)) == [("RC 0 %", 5000, 0)]
    assert refused(free, terms(VAT_19)).code == "tax_mismatch"
    charged = document(line("a", 5000, tax(950, "0.19", reason=reason)))
    assert refused(charged, terms(REVERSE_CHARGE)).code == "tax_mismatch"


def test_a_tax_of_nothing_needs_no_code_and_a_rate_does() -> None:
    assert sums(document(line("a", 5000, tax(0, "0"))), terms()) == []
    assert sums(document(line("a", 5000, tax(0, None))), terms()) == []
    assert refused(document(line("a", 0, tax(0, "0.07"))), terms()).code == "tax_mismatch"
    assert refused(document(line("a", 0, tax(0, "0.07"))), terms(VAT_19)).code == "tax_mismatch"


def test_a_line_over_nothing_is_taxed_by_nobody() -> None:
    assert sums(document(line(net=0)), terms(VAT_19)) == [("VAT 19 %", 0, 0)]
    assert sums(document(line("a", 0, tax(0))), terms(VAT_19)) == [("VAT 19 %", 0, 0)]


GST = TaxCode(code="GST", rate=Decimal("0.05"))
QST = TaxCode(code="QST", rate=Decimal("0.09975"))


@pytest.mark.parametrize("rates", [("0.05", "0.09975"), (None, None)])
def test_two_taxes_on_one_line(rates: tuple[str | None, str | None]) -> None:
    """100.00 in Quebec: 5.00 and 9.975, which is 9.98."""
    first, second = tax(500, rates[0]), tax(998, rates[1])
    wanted = [("GST", 10000, 500), ("QST", 10000, 998)]
    assert sums(document(line("a", 10000, first, second)), terms(GST, QST)) == wanted
    assert sums(document(line("a", 10000, second, first)), terms(GST, QST)) == wanted
    assert refused(document(line("a", 10000, first)), terms(GST, QST)).code == "tax_mismatch"
    assert refused(document(line("a", 10000, first, second)), terms(GST)).code == "tax_mismatch"
