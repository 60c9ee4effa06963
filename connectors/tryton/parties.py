"""Tryton's parties as billing customers: who a customer may be, and making one.

A party made here has the customer's id as its code, which Tryton keeps unique, and as an
identifier without a type, as on parties that people map by hand. Messages name the customer by that
id alone: the ERP's own words would repeat names and tax ids.
"""

from typing import Any

from canonical_models.commerce import AccountProfile, TaxId
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import PartyMatch
from connectors.tryton.client import Row, TrytonClient
from connectors.tryton.errors import SYSTEM
from connectors.tryton.mapping import Coded, Wire, parsed
from connectors.tryton.terms import together

PARTY = "party.party"

_FIELDS = (
    "code",
    "name",
    "active",
    "identifiers.code",
    "addresses.country.code",
)

#: Billing's kinds of tax ids in Tryton's words (party.identifier, 8.2). Kinds that are not here are
#: kept as identifiers without a type, which Tryton does not check.
TAX_ID_TYPES = {
    "au_abn": "au_vat",
    "br_cnpj": "br_vat",
    "ca_bn": "ca_vat",
    "ch_uid": "ch_uid",
    "ch_vat": "ch_vat",
    "eu_vat": "eu_vat",
    "gb_vat": "gb_vat",
    "in_gst": "in_vat",
    "jp_cn": "jp_vat",
    "mx_rfc": "mx_vat",
    "no_vat": "no_vat",
    "us_ein": "us_ein",
}

_STRENGTH = ("external_id", "tax_id", "name")


class _Identifier(Wire):
    code: str


class _Address(Wire):
    country: Coded | None


class _Party(Wire):
    code: str
    name: str | None
    active: bool
    identifiers: tuple[_Identifier, ...]
    addresses: tuple[_Address, ...]


class Parties:
    def __init__(self, client: TrytonClient) -> None:
        self._client = client

    async def matches(self, profile: AccountProfile) -> tuple[PartyMatch, ...]:
        """Strongest first, then as the ERP has them; each party once, with what is strongest."""
        found = await self._search(profile, _wanted(profile))
        return tuple(sorted(found, key=lambda match: _STRENGTH.index(match.by)))

    async def create(self, profile: AccountProfile) -> PartyMatch:
        known = await self._made(profile)
        if known is not None:
            return known
        country, company = await together(self._country(profile), self._company())
        try:
            await self._client.create(
                PARTY,
                party_values(profile, country),
                ("code",),
                what=f"the party of customer {profile.customer_id}",
                company=company,
            )
        except Rejection as refused:
            known = await self._made(profile)
            if known is not None:
                return known
            await self._check_tax_ids(profile)
            raise Rejection(
                RejectionCode.ACCOUNT_UNMAPPED,
                f"the ERP refuses to make a party for customer {profile.customer_id}: make it by "
                "hand, where the ERP says why, and add the customer's id to its identifiers",
                system=SYSTEM,
                subject=profile.customer_id,
            ) from refused
        return PartyMatch(party=profile.customer_id, by="external_id")

    async def _made(self, profile: AccountProfile) -> PartyMatch | None:
        found = await self._search(profile, _external(profile))
        if len(found) > 1:
            raise Rejection(
                RejectionCode.ACCOUNT_AMBIGUOUS,
                f"several ERP parties carry the id of customer {profile.customer_id}: "
                f"{', '.join(match.party for match in found)}; take it off all but one",
                system=SYSTEM,
                subject=profile.customer_id,
            )
        return found[0] if found else None

    async def _search(self, profile: AccountProfile, wanted: list[Any]) -> list[PartyMatch]:
        rows = await self._client.search(
            PARTY,
            ["OR", *([one, ["active", "in", [True, False]]] for one in wanted)],
            _FIELDS,
            what=f"parties for customer {profile.customer_id}",
        )
        matches = (match(row, profile) for row in rows)
        return [found for found in matches if found is not None]

    async def _country(self, profile: AccountProfile) -> int | None:
        code = profile.address.country
        if code is None:
            return None
        rows = await self._client.search(
            "country.country", [["code", "=", code.upper()]], ["code"], what=f"country {code}"
        )
        return int(rows[0]["id"]) if rows else None

    async def _company(self) -> int | None:
        """The legal entity whose defaults a new party gets: Tryton keeps the default payment term
        by legal entity, but that of a party once for all. The first is as good as any."""
        rows = await self._client.search("company.company", [], ("id",), what="the legal entities")
        return int(rows[0]["id"]) if rows else None

    async def _check_tax_ids(self, profile: AccountProfile) -> None:
        for tax_id in profile.tax_ids:
            try:
                await self._client.rpc(
                    "model.party.identifier.pre_validate",
                    {**_identifier(tax_id), "party": -1},
                    what=f"a tax id of customer {profile.customer_id}",
                )
            except Rejection:
                # Not chained: the ERP's words hold the number.
                raise Rejection(
                    RejectionCode.TAX_ID_INVALID,
                    f"the ERP does not take the {tax_id.kind} of customer {profile.customer_id}: "
                    "correct it in billing",
                    system=SYSTEM,
                    subject=profile.customer_id,
                ) from None


def match(row: Row, profile: AccountProfile) -> PartyMatch | None:
    """What agrees between a party and a profile; None where nothing does."""
    party = parsed(_Party, row, "party")
    codes = {identifier.code for identifier in party.identifiers}
    compacted = {compact(code) for code in codes}
    if profile.customer_id in codes or profile.customer_id == party.code:
        by = "external_id"
    elif any(compact(tax_id.value) in compacted for tax_id in profile.tax_ids):
        by = "tax_id"
    elif _plain(party.name or "") == _plain(profile.name) and _same_country(party, profile):
        by = "name"
    else:
        return None
    return PartyMatch(party=party.code, by=by, active=party.active)


def party_values(profile: AccountProfile, country: int | None) -> Row:
    """A party to create; its receivable account and payment term are the ERP's defaults."""
    address = {
        "street_unstructured": "\n".join(profile.address.lines) or None,
        "postal_code": profile.address.postal_code,
        "city": profile.address.city,
        "country": country,
        "invoice": True,
    }
    identifiers = [{"type": None, "code": profile.customer_id}]
    identifiers += [_identifier(tax_id) for tax_id in profile.tax_ids]
    values: Row = {
        "code": profile.customer_id,
        "name": profile.name,
        "addresses": [["create", [address]]],
        "identifiers": [["create", identifiers]],
    }
    if profile.email:
        mail = {"type": "email", "value": profile.email, "invoice": True}
        values["contact_mechanisms"] = [["create", [mail]]]
    return values


def compact(code: str) -> str:
    """A tax id without the characters that people write it with."""
    return "".join(sign for sign in code if sign not in " .-\u00a0").upper()


def _identifier(tax_id: TaxId) -> Row:
    return {"type": TAX_ID_TYPES.get(tax_id.kind), "code": tax_id.value}


def _wanted(profile: AccountProfile) -> list[Any]:
    """What the ERP is asked for: rather more than matches, for `match` decides."""
    spaced = ["%".join(map(_literal, compact(tax_id.value))) for tax_id in profile.tax_ids]
    return [
        *_external(profile),
        *(["identifiers.code", "ilike", pattern] for pattern in spaced),
        ["name", "ilike", _literal(profile.name.strip())],
    ]


def _external(profile: AccountProfile) -> list[Any]:
    return [
        ["identifiers.code", "=", profile.customer_id],
        ["code", "=", profile.customer_id],
    ]


def _literal(text: str) -> str:
    """For a pattern: the text itself."""
    return "".join(f"\\{sign}" if sign in "%_\\" else sign for sign in text)


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def _same_country(party: _Party, profile: AccountProfile) -> bool:
    known = {address.country.code for address in party.addresses if address.country}
    country = profile.address.country
    return not known or country is None or country.upper() in known
