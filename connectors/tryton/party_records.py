"""Tryton's parties with their addresses and identifiers, as billing's customers see them. Pure.

What our user has made is ours: it may be deactivated when billing says something else. Everything
else was made by people, and is left as it is.
"""

import unicodedata
from collections.abc import Collection

from canonical_models.commerce import AccountProfile
from canonical_models.documents import PostalAddress, TaxId
from canonical_models.ledgering import PartyMatch
from connectors.tryton.client import Row
from connectors.tryton.mapping import Coded, Wire, parsed
from connectors.tryton.tax_ids import TAX_ID_TYPES, identifies, number, same_number, type_of

#: What is read of a party to tell whether it is somebody.
MATCH_FIELDS = (
    "code",
    "name",
    "active",
    "identifiers.type",
    "identifiers.code",
    "addresses.country.code",
)

PARTY_FIELDS = ("code", "name", "active", "tax_identifier")
ADDRESS_FIELDS = (
    "active",
    "invoice",
    "party_name",
    "street",
    "postal_code",
    "city",
    "country.code",
    "create_uid.login",
)
IDENTIFIER_FIELDS = ("active", "type", "code", "create_uid.login")
MAIL_FIELDS = ("active", "value", "create_uid.login")


class _Maker(Wire):
    login: str


class Made(Wire):
    """A record that somebody has made."""

    id: int
    active: bool
    create_uid: _Maker | None

    def by(self, login: str) -> bool:
        return self.create_uid is not None and self.create_uid.login == login


class Identifier(Made):
    type: str | None
    code: str

    def is_one(self, kind: str | None, code: str) -> bool:
        return self.type == kind and number(kind, self.code) == number(kind, code)


class Mail(Made):
    value: str | None


class Address(Made):
    """`party_name` is whom it names, where that is not what the party is called."""

    invoice: bool
    party_name: str | None
    street: str | None
    postal_code: str | None
    city: str | None
    country: Coded | None

    def is_one(self, wanted: PostalAddress, name: str | None, party_name: str | None) -> bool:
        """Whether it is this address of somebody of this name; the party is called `party_name`.
        `wanted` names a country only if the ERP has it."""
        named = name is None or _plain(self.party_name or party_name or "") == _plain(name)
        country = self.country.code if self.country else None
        own = (self.street, self.postal_code, self.city, country)
        other = ("\n".join(wanted.lines), wanted.postal_code, wanted.city, wanted.country)
        return named and [_plain(part or "") for part in own] == [
            _plain(part or "") for part in other
        ]


class PartyRecord(Wire):
    """A party by itself; `tax_identifier` is the one that Tryton would print."""

    id: int
    code: str
    name: str | None
    active: bool
    tax_identifier: int | None


class _Known(Wire):
    type: str | None
    code: str


class _Place(Wire):
    country: Coded | None


class _Candidate(Wire):
    code: str
    name: str | None
    active: bool
    external_id: str | None = None
    identifiers: tuple[_Known, ...]
    addresses: tuple[_Place, ...]


def match(row: Row, profile: AccountProfile) -> PartyMatch | None:
    """What agrees between a party and a profile, and what contradicts; None where nothing agrees.

    Our own id is beyond doubt. A tax id is one where type and number are the same; it contradicts
    where the party has another name or country.
    """
    party = parsed(_Candidate, row, "party")
    codes = {identifier.code for identifier in party.identifiers}
    if profile.customer_id in {party.code, party.external_id, *codes}:
        return PartyMatch(party=party.code, by="external_id", active=party.active)
    same_country = _same_country(party, profile)
    if any(_names(party, tax_id) for tax_id in profile.tax_ids):
        agrees = {"name": _same_name(party.name or "", profile.name), "country": same_country}
        return PartyMatch(
            party=party.code,
            by="tax_id",
            active=party.active,
            contradicts=tuple(what for what, same in agrees.items() if not same),
        )
    if _plain(party.name or "") == _plain(profile.name) and same_country:
        return PartyMatch(party=party.code, by="name", active=party.active)
    return None


def party_values(profile: AccountProfile, allowed: Collection[str]) -> Row:
    """A party to create, without its address; account and payment term are the ERP's defaults."""
    identifiers: list[Row] = [{"type": None, "code": profile.customer_id}]
    identifiers += [identifier_values(tax_id, allowed) for tax_id in profile.tax_ids]
    values: Row = {
        "code": profile.customer_id,
        "name": profile.name,
        "identifiers": [["create", identifiers]],
    }
    if profile.email:
        values["contact_mechanisms"] = [["create", [mail_values(profile.email)]]]
    return values


def address_values(
    address: PostalAddress, country: int | None, *, name: str | None, invoice: bool = True
) -> Row:
    """It carries the name of its day: what shows it then keeps that when the party is renamed."""
    return {
        "party_name": name,
        "street_unstructured": "\n".join(address.lines) or None,
        "postal_code": address.postal_code,
        "city": address.city,
        "country": country,
        "invoice": invoice,
    }


def identifier_values(tax_id: TaxId, allowed: Collection[str]) -> Row:
    return {"type": type_of(tax_id, allowed), "code": tax_id.value}


def mail_values(email: str) -> Row:
    return {"type": "email", "value": email, "invoice": True}


def blank(address: PostalAddress) -> bool:
    return not any((*address.lines, address.postal_code, address.city, address.country))


def _names(party: _Candidate, tax_id: TaxId) -> bool:
    kind = TAX_ID_TYPES.get(tax_id.kind)
    return (
        kind is not None
        and identifies(tax_id)
        and any(
            known.type == kind and same_number(kind, known.code, tax_id.value)
            for known in party.identifiers
        )
    )


def _same_country(party: _Candidate, profile: AccountProfile) -> bool:
    known = {address.country.code for address in party.addresses if address.country}
    country = profile.address.country
    return not known or country is None or country.upper() in known


def _same_name(one: str, other: str) -> bool:
    """Whether one name may be the other with something left out, such as the legal form."""
    left, right = _words(one), _words(other)
    if not left or not right:
        # Nothing to read in at least one, such as signs alone: only no name at all is no word.
        return not one or not other or _plain(one) == _plain(other)
    return left <= right or right <= left


def _words(name: str) -> set[str]:
    bare = "".join(
        sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign)
    )
    return set("".join(sign if sign.isalnum() else " " for sign in bare.casefold()).split())


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split()).casefold()
