"""The demonstration master data: who sells what to whom, under which taxes.

Codes are ours and stable; Tryton's ids are found when seeding and published in ``ErpFacts``. The
VAT numbers are well formed (their check digits are right) and belong to nobody in particular.
"""

from dataclasses import dataclass, field


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
class TaxRule:
    """For the parties that have this rule, ``replaces`` becomes ``by``."""

    code: str
    name: str
    replaces: str
    by: str


@dataclass(frozen=True)
class Company:
    """A legal entity; ``product_tax`` is what its products bear unless a rule swaps it."""

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
    product_tax: str


@dataclass(frozen=True)
class Product:
    """A service sold per seat; one that is not ``mapped`` has no revenue account anywhere."""

    code: str
    name: str
    list_price: str
    mapped: bool = True


@dataclass(frozen=True)
class Party:
    """A customer; ``rules`` maps a legal entity's code to the tax rule that holds there."""

    code: str
    name: str
    country: str
    street: str
    postal_code: str
    city: str
    vat: str | None = None
    rules: dict[str, str] = field(default_factory=dict)

    @property
    def external_id(self) -> str:
        """The customer's id in billing, kept as an identifier of the party."""
        return "cus_" + self.code.replace("-", "")


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
            Tax(
                "DE-RC-0",
                "Reverse charge 0 %",
                "0",
                "Reverse charge: the recipient owes the tax (Art. 196 Directive 2006/112/EC).",
            ),
            Tax("DE-EXPORT-0", "Service outside the EU 0 %", "0", "Not taxable in Germany."),
        ),
        rules=(
            TaxRule("DE-EU-RC", "EU reverse charge", "DE-VAT-19", "DE-RC-0"),
            TaxRule("DE-EXPORT", "Outside the EU", "DE-VAT-19", "DE-EXPORT-0"),
        ),
        product_tax="DE-VAT-19",
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
        ),
        rules=(TaxRule("US-EXEMPT", "US exempt", "US-SALES-825", "US-SALES-0"),),
        product_tax="US-SALES-825",
    ),
)

PRODUCTS = (
    Product("STARTER", "Starter seat", "15.00"),
    Product("PRO", "Pro seat", "40.00"),
    Product("ENT", "Enterprise seat", "90.00"),
    Product("AI-ADDON", "AI add-on", "25.00"),
    Product("UNMAPPED", "Product without revenue account", "10.00", mapped=False),
)

PARTIES = (
    Party(
        "C-1001",
        "Nordlicht Logistik GmbH",
        "DE",
        "Speicherstr. 5",
        "20457",
        "Hamburg",
        vat="DE123456788",
    ),
    Party(
        "C-1002",
        "Atelier Lumière SARL",
        "FR",
        "3 rue du Port",
        "13002",
        "Marseille",
        vat="FR11123456782",
        rules={"LE-DE": "DE-EU-RC", "LE-US": "US-EXEMPT"},
    ),
    Party(
        "C-1003",
        "Lone Star Robotics LLC",
        "US",
        "200 Main St",
        "75201",
        "Dallas",
        rules={"LE-DE": "DE-EXPORT"},
    ),
    Party(
        "C-1004",
        "Cascade Health Inc.",
        "US",
        "9 Pine St",
        "97204",
        "Portland",
        rules={"LE-DE": "DE-EXPORT", "LE-US": "US-EXEMPT"},
    ),
    Party(
        "C-1005",
        "Donau Energie AG",
        "AT",
        "Ring 12",
        "1010",
        "Wien",
        vat="ATU12345675",
        rules={"LE-DE": "DE-EU-RC", "LE-US": "US-EXEMPT"},
    ),
    Party(
        "C-1006",
        "Sakura Systems KK",
        "JP",
        "1-2 Otemachi",
        "100-0004",
        "Tokyo",
        rules={"LE-DE": "DE-EXPORT", "LE-US": "US-EXEMPT"},
    ),
    Party(
        "C-1007",
        "Gulf Data WLL",
        "KW",
        "Block 4",
        "13001",
        "Kuwait City",
        rules={"LE-DE": "DE-EXPORT", "LE-US": "US-EXEMPT"},
    ),
    Party(
        "C-1008",
        "Alpenblick Software AG",
        "CH",
        "Seestr. 8",
        "8002",
        "Zürich",
        rules={"LE-DE": "DE-EXPORT", "LE-US": "US-EXEMPT"},
    ),
)
