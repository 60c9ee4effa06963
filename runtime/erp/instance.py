"""What a caller needs to know of a seeded Tryton: address, keys, and the ids of its master data."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from runtime.erp.files import write_private

DATABASE = "erp"


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class TaxFacts(_Facts):
    """A tax of one company; ``rate`` is a decimal string, ``0.19`` for 19 %."""

    id: int
    rate: str


class CompanyFacts(_Facts):
    """A legal entity: everything an invoice in it refers to, by Tryton's ids.

    ``taxes`` and ``tax_rules`` are keyed by our own codes (``DE-VAT-19``, ``DE-EU-RC`` ...).
    """

    id: int
    currency: str
    receivable_account: int
    revenue_account: int
    revenue_journal: int
    taxes: dict[str, TaxFacts]
    tax_rules: dict[str, int]


class PartyFacts(_Facts):
    """A customer; ``tax_rules`` maps the legal entity's code to the code of the rule that holds."""

    id: int
    address: int
    external_id: str
    country: str
    tax_rules: dict[str, str]


class ErpFacts(_Facts):
    """The ids of the seeded master data, keyed by the codes people use."""

    currencies: dict[str, int]
    companies: dict[str, CompanyFacts]
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
    """The document kept beside the database file (mode 0600, for it holds secrets)."""

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
