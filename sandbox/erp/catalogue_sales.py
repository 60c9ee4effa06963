"""The demonstration master data: what is sold, to whom, and by whose help."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Product:
    """A service sold per seat; ``tax_class`` None is one without a revenue account anywhere."""

    code: str
    name: str
    list_price: str
    tax_class: str | None = "standard"


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


@dataclass(frozen=True)
class Agent:
    """Somebody who brings customers; ``formula`` is Tryton's, over ``amount`` (a line's net)."""

    code: str
    name: str
    plan: str
    formula: str


PRODUCTS = (
    Product("STARTER", "Starter seat", "15.00"),
    Product("PRO", "Pro seat", "40.00"),
    Product("ENT", "Enterprise seat", "90.00"),
    Product("AI-ADDON", "AI add-on", "25.00"),
    Product("HANDBOOK", "Handbook, electronic", "9.00", tax_class="reduced"),
    Product("UNMAPPED", "Product without revenue account", "10.00", tax_class=None),
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
    # Two consumers, taxed where they live.
    Party(
        "C-1009",
        "Camille Durand",
        "FR",
        "8 rue des Lilas",
        "69003",
        "Lyon",
        rules={"LE-DE": "DE-OSS-FR", "LE-US": "US-EXPORT"},
    ),
    Party(
        "C-1010",
        "Leopold Wagner",
        "AT",
        "Gartengasse 3",
        "8010",
        "Graz",
        rules={"LE-DE": "DE-OSS-AT", "LE-US": "US-EXPORT"},
    ),
)

#: An agent in every legal entity.
AGENTS = (Agent("P-2001", "Partnerhaus Consulting", "Partner 10 %", "amount * 0.10"),)
