"""Tryton's parties as billing customers: who a customer may be, making one, and keeping it.

A party made here has the customer's id as its code, which Tryton keeps unique, and as an identifier
without a type, as on parties that people map by hand. Addresses and identifiers are links on posted
documents, not copies: so they are never changed, but added, and those of ours that hold no longer
are deactivated. Ours is what our user has made; what people have made stays untouched.

Messages name the customer by billing's id and the party by its code alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from canonical_models.commerce import AccountProfile
from canonical_models.documents import BilledParty
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import PartyMatch
from connectors.tryton.client import TrytonClient
from connectors.tryton.errors import SYSTEM
from connectors.tryton.features import FeatureProbe
from connectors.tryton.mapping import Company
from connectors.tryton.party_book import EVERY, PARTY, PartyBook, tax_id_refused
from connectors.tryton.party_records import (
    MATCH_FIELDS,
    address_values,
    identifier_values,
    match,
    party_values,
)
from connectors.tryton.party_upkeep import Upkeep
from connectors.tryton.references import literal
from connectors.tryton.tax_ids import TAX_ID_TYPES, identifies, number

_STRENGTH = ("external_id", "tax_id", "name")


class Parties:
    def __init__(self, client: TrytonClient) -> None:
        self._client = client
        self._book = PartyBook(client)
        self._upkeep = Upkeep(self._book)
        self._features = FeatureProbe(client)

    async def matches(self, profile: AccountProfile) -> tuple[PartyMatch, ...]:
        """Strongest first, then as the ERP has them; each party once, with what is strongest.

        A tax id matches where kind, issuer and number are the same, unless billing has checked it
        without success; `contradicts` then says whether name or country are another's.
        """
        found = await self._search(profile, [*await self._external(profile), *_wanted(profile)])
        return tuple(sorted(found, key=lambda match: _STRENGTH.index(match.by)))

    async def create(self, profile: AccountProfile, tax_rules: Mapping[str, str]) -> PartyMatch:
        """Make the party, or find the one made before; `tax_rules` are names by legal entity.

        Raises Rejection: tax_id_invalid, tax_undetermined for a rule that is not there,
        account_ambiguous where several parties carry the id, account_unmapped for what else the
        ERP refuses.
        """
        rules = [await self._book.rule(name, entity) for entity, name in tax_rules.items()]
        known = await self._made(profile)
        if known is None:
            known = await self._create(profile, rules)
        if known.party == profile.customer_id and known.active:
            party = await self._book.party(known.party)
            for company, rule in rules:
                await self._book.give_rule(party, company, rule)
        return known

    async def update(
        self, party_code: str, profile: AccountProfile, tax_rules: Mapping[str, str]
    ) -> None:
        """Carry name, address, tax ids, e-mail address and tax rules on to the party; posted
        documents keep what they show. Raises Rejection as creating does, party_unknown, and
        customer_blocked for one that is deactivated, of which Tryton lets nothing be changed."""
        rules = [await self._book.rule(name, entity) for entity, name in tax_rules.items()]
        party = await self._book.party(party_code)
        if not party.active:
            raise Rejection(
                RejectionCode.CUSTOMER_BLOCKED,
                f"ERP party {party_code} is deactivated, so customer {profile.customer_id} cannot "
                "be kept there: activate it, or map the customer to another",
                system=SYSTEM,
                subject=party_code,
            )
        await self._upkeep.update(party, profile)
        for company, rule in rules:
            await self._book.give_rule(party, company, rule)

    async def document_party(
        self, party_id: int, bill_to: BilledParty | None, company: Company
    ) -> tuple[int, int | None]:
        """The address and the tax identifier (by Tryton's ids) by which a document of the company
        names its party: found among the party's, active or not, else added. Without `bill_to` they
        are the party's own. Raises Rejection for an address or tax id that the ERP refuses."""
        party = await self._book.party(party_id)
        if bill_to is not None:
            address = await self._upkeep.address_of(party, bill_to)
            identifier = await self._upkeep.identifier_of(party, bill_to)
        else:
            address = await self._upkeep.own_address(party)
            identifier = party.tax_identifier
        if address is None:
            raise Rejection(
                RejectionCode.DOCUMENT_REFUSED,
                f"ERP party {party.code} has no address to invoice (company {company.id}): add one",
                system=SYSTEM,
                subject=party.code,
            )
        return address, identifier

    async def _create(
        self, profile: AccountProfile, rules: Sequence[tuple[int, int]]
    ) -> PartyMatch:
        address, country = await self._book.known(profile.address)
        values = party_values(profile, await self._book.types())
        values["addresses"] = [
            ["create", [address_values(address, country, name=profile.name)]],
        ]
        if (await self._features.features()).external_ids:
            values["external_id"] = profile.customer_id
        # What is kept by legal entity is written with the party for the first of them.
        company = await self._book.company()
        if rules:
            company, values["customer_tax_rule"] = rules[0]
        try:
            await self._client.create(
                PARTY,
                values,
                ("code",),
                what=f"the party of customer {profile.customer_id}",
                company=company,
            )
        except Rejection:
            known = await self._made(profile)
            if known is not None:
                return known
            await self._check_tax_ids(profile)
            # Not chained: the ERP's words hold personal data.
            raise Rejection(
                RejectionCode.ACCOUNT_UNMAPPED,
                f"the ERP refuses to make a party for customer {profile.customer_id}: make it by "
                "hand, where the ERP says why, and add the customer's id to its identifiers",
                system=SYSTEM,
                subject=profile.customer_id,
            ) from None
        return PartyMatch(party=profile.customer_id, by="external_id")

    async def _made(self, profile: AccountProfile) -> PartyMatch | None:
        found = await self._search(profile, await self._external(profile))
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
        own = (await self._features.features()).external_ids
        rows = await self._client.search(
            PARTY,
            ["OR", *([one, EVERY] for one in wanted)],
            (*MATCH_FIELDS, "external_id") if own else MATCH_FIELDS,
            what=f"parties for customer {profile.customer_id}",
        )
        matches = (match(row, profile) for row in rows)
        return [found for found in matches if found is not None]

    async def _external(self, profile: AccountProfile) -> list[Any]:
        names = ["code", "identifiers.code"]
        if (await self._features.features()).external_ids:
            names.append("external_id")
        return [[name, "=", profile.customer_id] for name in names]

    async def _check_tax_ids(self, profile: AccountProfile) -> None:
        """Tell which tax id the ERP refuses, if it is one."""
        for tax_id in profile.tax_ids:
            values = identifier_values(tax_id, await self._book.types())
            with tax_id_refused(tax_id, profile.customer_id):
                await self._client.rpc(
                    "model.party.identifier.pre_validate",
                    {**values, "party": -1},
                    what=f"a tax id of customer {profile.customer_id}",
                )


def _wanted(profile: AccountProfile) -> list[Any]:
    """What the ERP is asked for: rather more than matches, for `match` decides."""
    found: list[Any] = []
    for tax_id in profile.tax_ids:
        if identifies(tax_id):
            kind = TAX_ID_TYPES[tax_id.kind]
            # However it is written there, with its country before it or without.
            pattern = "%" + "%".join(map(literal, number(kind, tax_id.value)))
            one = [["type", "=", kind], ["code", "ilike", pattern]]
            found.append(["identifiers", "where", one])
    found.append(["name", "ilike", literal(profile.name.strip())])
    return found
