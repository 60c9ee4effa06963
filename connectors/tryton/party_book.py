"""Reads and keeps the records of Tryton's parties. What the ERP refuses is told without its words,
which would repeat names, addresses and tax ids."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from canonical_models.documents import PostalAddress, TaxId
from canonical_models.failures import Rejection, RejectionCode
from connectors.tryton.client import Row, TrytonClient, of_kind
from connectors.tryton.errors import SYSTEM
from connectors.tryton.mapping import parsed
from connectors.tryton.masterdata import MasterData
from connectors.tryton.party_records import (
    ADDRESS_FIELDS,
    IDENTIFIER_FIELDS,
    MAIL_FIELDS,
    PARTY_FIELDS,
    Address,
    Identifier,
    Made,
    Mail,
    PartyRecord,
)

PARTY = "party.party"
ADDRESS = "party.address"
IDENTIFIER = "party.identifier"
MAIL = "party.contact_mechanism"

#: With those that are deactivated.
EVERY = ["active", "in", [True, False]]


class PartyBook:
    def __init__(self, client: TrytonClient) -> None:
        self._client, self._master = client, MasterData(client)
        self._types: frozenset[str] | None = None
        self._company: int | None = None

    def made_by_us(self, record: Made) -> bool:
        return record.by(self._client.login)

    async def party(self, key: str | int) -> PartyRecord:
        """By code, or by Tryton's id. Raises Rejection (party_unknown)."""
        rows = await self._client.search(
            PARTY,
            [["id" if isinstance(key, int) else "code", "=", key], EVERY],
            PARTY_FIELDS,
            what=f"party {key}",
        )
        if not rows:
            raise Rejection(
                RejectionCode.PARTY_UNKNOWN,
                f"the ERP has no party {key}: create it, or correct the account mapping",
                system=SYSTEM,
                subject=str(key),
            )
        return parsed(PartyRecord, rows[0], "party")

    async def addresses(self, party: PartyRecord) -> list[Address]:
        """All of them, deactivated ones too, oldest first."""
        rows = await self._of(ADDRESS, party, ADDRESS_FIELDS)
        return [parsed(Address, row, "address") for row in rows]

    async def identifiers(self, party: PartyRecord) -> list[Identifier]:
        """All of them, deactivated ones too, oldest first."""
        rows = await self._of(IDENTIFIER, party, IDENTIFIER_FIELDS)
        return [parsed(Identifier, row, "identifier") for row in rows]

    async def mails(self, party: PartyRecord) -> list[Mail]:
        rows = await self._of(MAIL, party, MAIL_FIELDS, ["type", "=", "email"])
        return [parsed(Mail, row, "contact") for row in rows]

    async def known(self, address: PostalAddress) -> tuple[PostalAddress, int | None]:
        """The address as the ERP can hold it, and its country by Tryton's id: one that the ERP
        does not have is left out."""
        if address.country is None:
            return address, None
        code = address.country.upper()
        rows = await self._client.search(
            "country.country", [["code", "=", code]], ["code"], what=f"country {code}"
        )
        if not rows:
            return address.model_copy(update={"country": None}), None
        return address.model_copy(update={"country": code}), int(rows[0]["id"])

    async def types(self) -> frozenset[str]:
        """The types of identifiers that this ERP takes; asked once."""
        if self._types is None:
            found = await self._client.rpc(
                "model.party.identifier.get_types", what="the types of identifiers"
            )
            pairs = of_kind(list, found, "the types of identifiers", at="$.result")
            self._types = frozenset(name for name, *_ in pairs if name)
        return self._types

    async def company(self) -> int:
        """The legal entity whose defaults count for what belongs to none. The first is as good as
        any."""
        if self._company is None:
            rows = await self._client.search(
                "company.company", [], ("id",), what="the legal entities", limit=1
            )
            if not rows:
                raise Rejection(
                    RejectionCode.LEGAL_ENTITY_UNKNOWN,
                    "the ERP has no legal entity, or our user may see none: create one, or give "
                    "the user access",
                    system=SYSTEM,
                    subject="legal entity",
                )
            self._company = int(rows[0]["id"])
        return self._company

    async def add(self, model: str, party: PartyRecord, values: Row, what: str) -> int:
        """Raises Rejection (account_unmapped) where the ERP does not take it."""
        with plainly(
            f"the ERP does not take {what} of party {party.code}: add it there by hand, where the "
            "ERP says why",
            party.code,
        ):
            row = await self._client.create(
                model,
                {"party": party.id, **values},
                ("id",),
                what=f"{what} of party {party.code}",
                company=await self.company(),
            )
        return int(row["id"])

    async def set(self, model: str, key: int, values: Row, party: PartyRecord, what: str) -> None:
        with _unchangeable(what, party):
            await self._write(
                model, key, values, f"{what} of party {party.code}", await self.company()
            )

    async def holds(self, model: str, key: int) -> bool:
        rows = await self._client.search(
            model, [["id", "=", key], EVERY], ("id",), what="a record of a party"
        )
        return bool(rows)

    async def remove(self, model: str, key: int, party: PartyRecord) -> None:
        await self._client.delete(
            model, key, what=f"a second of party {party.code}", company=await self.company()
        )

    async def rule(self, name: str, legal_entity: str) -> tuple[int, int]:
        """A tax rule for customers with the company whose it is, by Tryton's ids."""
        company = await self._master.company(legal_entity)
        rows = await self._client.search(
            "account.tax.rule",
            [["name", "=", name], ["company", "=", company.id], ["kind", "in", ["sale", "both"]]],
            ("name",),
            what=f"tax rule {name} of {legal_entity}",
            company=company.id,
        )
        if not rows:
            raise Rejection(
                RejectionCode.TAX_UNDETERMINED,
                f"{legal_entity} has no tax rule {name} for customers in the ERP: create it there, "
                "or correct the tax rules of parties in the policy",
                system=SYSTEM,
                subject=name,
            )
        return company.id, int(rows[0]["id"])

    async def give_rule(self, party: PartyRecord, company: int, rule: int) -> None:
        """Tax rules are kept by legal entity, in whose context they are read and written."""
        what = f"the tax rule of party {party.code}"
        rows = await self._client.search(
            PARTY,
            [["id", "=", party.id], EVERY],
            ("customer_tax_rule",),
            what=what,
            company=company,
        )
        if rows and rows[0].get("customer_tax_rule") != rule:
            with _unchangeable("the tax rule", party):
                await self._write(PARTY, party.id, {"customer_tax_rule": rule}, what, company)

    async def _write(self, model: str, key: int, values: Row, what: str, company: int) -> None:
        """Also of what is deactivated, which the REST interface does not find."""
        await self._client.rpc(
            f"model.{model}.write", [key], values, what=what, company=company, writes=True
        )

    async def _of(
        self, model: str, party: PartyRecord, fields: tuple[str, ...], *more: object
    ) -> list[Row]:
        return await self._client.search(
            model,
            [["party", "=", party.id], EVERY, *more],
            fields,
            what=f"the records of party {party.code}",
        )


@contextmanager
def plainly(
    message: str, subject: str, reason: RejectionCode = RejectionCode.ACCOUNT_UNMAPPED
) -> Iterator[None]:
    """What is refused within, in our words. It is not chained: the ERP's hold personal data."""
    try:
        yield
    except Rejection:
        raise Rejection(reason, message, system=SYSTEM, subject=subject) from None


def _unchangeable(what: str, party: PartyRecord) -> AbstractContextManager[None]:
    return plainly(
        f"the ERP does not let {what} of party {party.code} be changed: change it there by hand, "
        "where the ERP says why",
        party.code,
    )


def tax_id_refused(tax_id: TaxId, of: str) -> AbstractContextManager[None]:
    """For what gives the ERP a tax id of a customer or party."""
    return plainly(
        f"the ERP does not take the {tax_id.kind} of {of}: correct it in billing",
        of,
        RejectionCode.TAX_ID_INVALID,
    )
