"""What a caller needs to know of a seeded Tryton: address, keys, and the ids of its master data."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from sandbox.erp.files import write_private

DATABASE = "erp"

#: How the connection of the seeded ERP books movements: what billing collects stands on the
#: clearing account, what reached us past it on the bank's.
SETTLEMENT_OPTIONS = {
    "bank_journal": "CARD",
    "paid_elsewhere_journal": "BANK",
    "goodwill_account": "4.3.3",
}


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class AccountFacts(_Facts):
    """An account of one company; ``code`` is that of the chart, the same in every company."""

    id: int
    code: str


class TaxFacts(_Facts):
    """A tax of one company; ``rate`` is a decimal string, ``0.19`` for 19 %.

    ``name`` is what the ERP shows, on documents too, and ``legal_notice`` what it prints with it.
    """

    id: int
    rate: str
    name: str
    legal_notice: str | None


class AgentFacts(_Facts):
    """Who earns a commission on a document that names the agent; ``party`` is the agent's."""

    id: int
    party: int
    plan: str
    method: str


class CompanyFacts(_Facts):
    """A legal entity: everything an invoice in it refers to, by Tryton's ids.

    ``accounts`` is keyed by role (``receivable``, ``deferred_revenue`` ...: see ``catalogue``),
    ``taxes`` and ``tax_rules`` by our own codes (``DE-VAT-19``, ``DE-EU-RC`` ...). ``rule_kinds``
    says which rule is for which kind of customer, ``product_taxes`` which tax a product (by code)
    bears unless a rule swaps it. ``payment_methods`` and ``write_off_methods`` are keyed by the
    code of their journal, ``agents`` by the code of their party.
    """

    id: int
    party: int
    currency: str
    country: str
    accounts: dict[str, AccountFacts]
    revenue_journal: int
    taxes: dict[str, TaxFacts]
    tax_rules: dict[str, int]
    rule_kinds: dict[str, str]
    product_taxes: dict[str, str]
    payment_methods: dict[str, int]
    write_off_methods: dict[str, int]
    agents: dict[str, AgentFacts]

    @property
    def receivable_account(self) -> int:
        """What customers owe."""
        return self.accounts["receivable"].id

    @property
    def revenue_account(self) -> int:
        """What products are booked on."""
        return self.accounts["revenue"].id

    @property
    def deferred_account(self) -> int:
        """Revenue that is billed and not earned yet."""
        return self.accounts["deferred_revenue"].id


class PartyFacts(_Facts):
    """A customer; ``tax_rules`` maps the legal entity's code to the code of the rule that holds."""

    id: int
    address: int
    external_id: str
    country: str
    tax_rules: dict[str, str]


class ErpFacts(_Facts):
    """The ids of the seeded master data, keyed by the codes people use.

    ``module`` says whether the optional module of ``tryton_trueup`` is active. Fiscal years exist
    for all of ``years``.
    """

    module: bool
    years: list[int]
    currencies: dict[str, int]
    companies: dict[str, CompanyFacts]
    journals: dict[str, int]
    products: dict[str, int]
    unit: int
    payment_term: int
    parties: dict[str, PartyFacts]


class Credentials(_Facts):
    """Secrets of one seeded database.

    The connector's user ``api_login`` has both ways in: ``api_key`` for REST, and
    ``api_password`` for a JSON-RPC session.
    """

    admin_login: str
    admin_password: str
    api_login: str
    api_password: str
    api_key: str


class SeededDatabase(_Facts):
    """The document kept beside the database file (mode 0600, for it holds secrets).

    ``recipe`` tells what it was made by: programs, modules and seed.
    """

    recipe: str
    year: int
    credentials: Credentials
    facts: ErpFacts

    def save(self, path: Path) -> None:
        """Write to ``path``, readable by its owner alone."""
        write_private(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> "SeededDatabase":
        """Read what :meth:`save` wrote. Raises ``OSError`` or pydantic's ``ValidationError``."""
        return cls.model_validate_json(path.read_text(encoding="utf-8"))


class ErpInstance(_Facts):
    """A running Tryton: ``url`` has no path; REST is under ``<url>/<database>/rest/model/``."""

    url: str
    database: str
    credentials: Credentials
    facts: ErpFacts

    @property
    def api_key(self) -> str:
        """The key of the REST application, sent as ``Authorization: Bearer``."""
        return self.credentials.api_key

    @property
    def companies(self) -> dict[str, CompanyFacts]:
        """The legal entities by code."""
        return self.facts.companies
