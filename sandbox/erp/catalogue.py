"""The demonstration master data: who sells what to whom, under which taxes.

Codes are ours and stable; Tryton's ids are found when seeding and published in ``ErpFacts``. The
VAT numbers are well formed (their check digits are right) and belong to nobody in particular.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Currency:
    """``rate`` is units for one euro; ``digits`` the ISO 4217 exponent."""

    code: str
    name: str
    symbol: str
    numeric: str
    digits: int
    rate: str


@dataclass(frozen=True)
class Tax:
    """A percentage tax; ``rate`` is a decimal fraction."""

    code: str
    name: str
    rate: str
    legal_notice: str = ""


@dataclass(frozen=True)
class Swap:
    """The tax ``replaces`` becomes ``by``."""

    replaces: str
    by: str


@dataclass(frozen=True)
class TaxRule:
    """What parties that have this rule are taxed by; what no swap names stays as it is.

    ``kind`` is the kind of customer it is for: ``domestic``, ``eu_business`` (they owe the tax
    themselves), ``eu_consumer/<country>`` (taxed where they live: a rule for each country, because
    Tryton knows the destination of a line only where a sale or a shipment is behind it),
    ``third_country`` or ``exempt``.
    """

    code: str
    kind: str
    name: str
    swaps: tuple[Swap, ...] = ()


@dataclass(frozen=True)
class Company:
    """A legal entity; ``product_taxes`` is what products of a tax class bear without a rule."""

    code: str
    name: str
    currency: str
    country: str
    street: str
    postal_code: str
    city: str
    vat: str | None
    prefix: str
    taxes: tuple[Tax, ...]
    rules: tuple[TaxRule, ...]
    product_taxes: dict[str, str]


@dataclass(frozen=True)
class Account:
    """What an account of the chart is used for; ``like`` names the one that a new one resembles."""

    role: str
    code: str
    name: str = ""
    like: str = ""
    reconcile: bool = False


#: Of every legal entity. What has no name is in the chart that Tryton's account module ships
#: ("Universal Chart of Accounts").
ACCOUNTS = (
    Account("receivable", "1.2.1"),
    Account("payable", "2.1.1"),
    Account("bank", "1.1.1"),
    Account("clearing", "1.1.5", "Payment provider clearing", like="1.1.1", reconcile=True),
    Account("tax", "2.2.3"),
    Account("deferred_revenue", "2.2.2"),
    Account("revenue", "4.2.2"),
    Account("goodwill", "4.3.3"),
    # A line of an invoice takes accounts of the type revenue alone.
    Account("rounding", "4.3.4", "Rounding differences", like="4.3.3"),
    Account("bad_debt", "5.2.3"),
    Account("payment_fees", "5.2.4", "Payment fees", like="5.2.2"),
    # What is bought on an invoice takes accounts of an expense type alone.
    Account("commission", "5.2.5", "Sales commissions", like="5.2.1"),
    Account("exchange", "6.2.1"),
)

COUNTRIES = {
    "AT": ("AUT", "Austria"),
    "CH": ("CHE", "Switzerland"),
    "DE": ("DEU", "Germany"),
    "FR": ("FRA", "France"),
    "JP": ("JPN", "Japan"),
    "KW": ("KWT", "Kuwait"),
    "US": ("USA", "United States"),
}

CURRENCIES = (
    Currency("EUR", "Euro", "€", "978", 2, "1"),
    Currency("USD", "US dollar", "$", "840", 2, "1.10"),
    Currency("JPY", "Yen", "¥", "392", 0, "160"),
    Currency("KWD", "Kuwaiti dinar", "KD", "414", 3, "0.335"),
)

COMPANIES = (
    Company(
        code="LE-DE",
        name="Acme SaaS GmbH",
        currency="EUR",
        country="DE",
        street="Hafenweg 1",
        postal_code="20457",
        city="Hamburg",
        vat="DE111111125",
        prefix="DE",
        taxes=(
            Tax("DE-VAT-19", "VAT 19 %", "0.19"),
            Tax("DE-VAT-7", "VAT 7 %", "0.07"),
            Tax(
                "DE-RC-0",
                "Reverse charge 0 %",
                "0",
                "Reverse charge: the recipient owes the tax (Art. 196 Directive 2006/112/EC).",
            ),
            Tax("DE-EXPORT-0", "Service outside the EU 0 %", "0", "Not taxable in Germany."),
            Tax("DE-OSS-FR-20", "VAT France 20 %", "0.20"),
            Tax("DE-OSS-FR-55", "VAT France 5.5 %", "0.055"),
            Tax("DE-OSS-AT-20", "VAT Austria 20 %", "0.20"),
            Tax("DE-OSS-AT-10", "VAT Austria 10 %", "0.10"),
        ),
        rules=(
            TaxRule("DE-DOMESTIC", "domestic", "Domestic"),
            TaxRule(
                "DE-EU-RC",
                "eu_business",
                "EU reverse charge",
                (Swap("DE-VAT-19", "DE-RC-0"), Swap("DE-VAT-7", "DE-RC-0")),
            ),
            TaxRule(
                "DE-OSS-FR",
                "eu_consumer/FR",
                "Consumers in France",
                (Swap("DE-VAT-19", "DE-OSS-FR-20"), Swap("DE-VAT-7", "DE-OSS-FR-55")),
            ),
            TaxRule(
                "DE-OSS-AT",
                "eu_consumer/AT",
                "Consumers in Austria",
                (Swap("DE-VAT-19", "DE-OSS-AT-20"), Swap("DE-VAT-7", "DE-OSS-AT-10")),
            ),
            TaxRule(
                "DE-EXPORT",
                "third_country",
                "Outside the EU",
                (Swap("DE-VAT-19", "DE-EXPORT-0"), Swap("DE-VAT-7", "DE-EXPORT-0")),
            ),
        ),
        product_taxes={"standard": "DE-VAT-19", "reduced": "DE-VAT-7"},
    ),
    Company(
        code="LE-US",
        name="Acme SaaS Inc.",
        currency="USD",
        country="US",
        street="100 Congress Ave",
        postal_code="78701",
        city="Austin",
        vat=None,
        prefix="US",
        taxes=(
            Tax("US-SALES-825", "Sales tax 8.25 %", "0.0825"),
            Tax("US-SALES-0", "Sales tax 0 %", "0"),
            Tax("US-EXPORT-0", "Service outside the US 0 %", "0"),
        ),
        rules=(
            TaxRule("US-DOMESTIC", "domestic", "Domestic"),
            TaxRule("US-EXEMPT", "exempt", "US exempt", (Swap("US-SALES-825", "US-SALES-0"),)),
            TaxRule(
                "US-EXPORT",
                "third_country",
                "Outside the US",
                (Swap("US-SALES-825", "US-EXPORT-0"),),
            ),
        ),
        product_taxes={"standard": "US-SALES-825", "reduced": "US-SALES-825"},
    ),
)
