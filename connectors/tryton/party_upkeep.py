"""Keeps a Tryton party as billing has the customer, and finds how a document names it.

Addresses and identifiers are links on posted documents, not copies: so they are never changed, but
added, and those of ours that hold no longer are deactivated. Ours is what our user has made; what
people have made stays untouched. What is added for a document alone is not active, so that it is
nobody's default.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from canonical_models.commerce import AccountProfile
from canonical_models.documents import BilledParty
from canonical_models.failures import Rejection
from connectors.tryton.client import Row
from connectors.tryton.party_book import (
    ADDRESS,
    IDENTIFIER,
    MAIL,
    PARTY,
    PartyBook,
    tax_id_refused,
)
from connectors.tryton.party_records import (
    Address,
    Identifier,
    Made,
    Mail,
    PartyRecord,
    address_values,
    blank,
    identifier_values,
    mail_values,
)
from connectors.tryton.tax_ids import on_documents, type_of

Kept = TypeVar("Kept", bound=Made)


class Upkeep:
    def __init__(self, book: PartyBook) -> None:
        self._book = book

    async def update(self, party: PartyRecord, profile: AccountProfile) -> None:
        """Make name, address, tax ids and e-mail address what they are in billing."""
        if party.name != profile.name:
            await self._book.set(PARTY, party.id, {"name": profile.name}, party, "the name")
            party = party.model_copy(update={"name": profile.name})
        await self._identifiers(party, profile)
        await self._address(party, profile)
        await self._mail(party, profile)

    async def own_address(self, party: PartyRecord) -> int | None:
        """The one that is marked for invoices, ours before people's, else the first."""
        addresses = await self._book.addresses(party)
        active = [one for one in addresses if one.active] or addresses
        marked = [one for one in active if one.invoice]
        ours = [one for one in marked if self._book.made_by_us(one)]
        return next((one.id for one in (*ours, *marked, *active)), None)

    async def address_of(self, party: PartyRecord, bill_to: BilledParty) -> int | None:
        """Where a document says that it goes; the party's own where it does not say."""
        addresses = await self._book.addresses(party)
        if blank(bill_to.address) and addresses:
            return await self.own_address(party)
        wanted, country = await self._book.known(bill_to.address)

        async def named() -> list[Address]:
            found = await self._book.addresses(party)
            return [one for one in found if one.is_one(wanted, bill_to.name, party.name)]

        first = not any(one.active for one in addresses)
        values = address_values(wanted, country, name=bill_to.name, invoice=first)
        what = "the address of a document"
        return await self._named(ADDRESS, party, named, values, what, stays=first)

    async def identifier_of(self, party: PartyRecord, bill_to: BilledParty) -> int | None:
        """The first tax id of a document that the ERP can print; None where it has none."""
        allowed = await self._book.types()
        printed = (one for one in bill_to.tax_ids if on_documents(type_of(one, allowed)))
        tax_id = next(printed, None)
        if tax_id is None:
            return None
        values = identifier_values(tax_id, allowed)

        async def named() -> list[Identifier]:
            found = await self._book.identifiers(party)
            return [one for one in found if one.is_one(values["type"], tax_id.value)]

        with tax_id_refused(tax_id, f"party {party.code}"):
            return await self._named(IDENTIFIER, party, named, values, "the tax id of a document")

    async def _identifiers(self, party: PartyRecord, profile: AccountProfile) -> None:
        allowed = await self._book.types()
        kept: set[int] = set()
        for tax_id in profile.tax_ids:
            values = identifier_values(tax_id, allowed)
            kind, code = values["type"], tax_id.value

            async def same(kind: str | None = kind, code: str = code) -> list[Identifier]:
                found = await self._book.identifiers(party)
                return [one for one in found if one.is_one(kind, code)]

            with tax_id_refused(tax_id, f"customer {profile.customer_id}"):
                kept.add(await self._keep(IDENTIFIER, party, same, values, "a tax id"))
        for identifier in await self._book.identifiers(party):
            if identifier.code != profile.customer_id and identifier.id not in kept:
                await self._retire(IDENTIFIER, party, identifier)

    async def _address(self, party: PartyRecord, profile: AccountProfile) -> None:
        if blank(profile.address):
            return
        wanted, country = await self._book.known(profile.address)

        async def same() -> list[Address]:
            found = await self._book.addresses(party)
            return [one for one in found if one.is_one(wanted, profile.name, party.name)]

        values = address_values(wanted, country, name=profile.name)
        kept = await self._keep(ADDRESS, party, same, values, "the address")
        for other in await self._book.addresses(party):
            if other.id != kept:
                await self._retire(ADDRESS, party, other)
            elif not other.invoice and self._book.made_by_us(other):
                await self._book.set(ADDRESS, kept, {"invoice": True}, party, "the address")

    async def _mail(self, party: PartyRecord, profile: AccountProfile) -> None:
        async def same() -> list[Mail]:
            return [mail for mail in await self._book.mails(party) if mail.value == profile.email]

        kept: int | None = None
        if profile.email:
            values = mail_values(profile.email)
            kept = await self._keep(MAIL, party, same, values, "the e-mail address")
        for mail in await self._book.mails(party):
            if mail.id != kept:
                await self._retire(MAIL, party, mail)

    async def _keep(
        self,
        model: str,
        party: PartyRecord,
        same: Callable[[], Awaitable[Sequence[Made]]],
        values: Row,
        what: str,
    ) -> int:
        """The active one, by its id: it is there, or was ours and is activated, or is added."""
        found = await same()
        if active := [one for one in found if one.active]:
            return active[0].id
        if ours := [one for one in found if self._book.made_by_us(one)]:
            await self._book.set(model, ours[0].id, {"active": True}, party, what)
            return ours[0].id
        added = await self._book.add(model, party, values, what)
        twins = [one for one in await same() if one.active]
        return await self._oldest(model, party, added, twins)

    async def _named(
        self,
        model: str,
        party: PartyRecord,
        named: Callable[[], Awaitable[Sequence[Made]]],
        values: Row,
        what: str,
        *,
        stays: bool = False,
    ) -> int:
        """By its id: the first that is active, else the first, else it is added."""
        if found := await named():
            return next((one.id for one in found if one.active), found[0].id)
        added = await self._book.add(model, party, values, what)
        oldest = await self._oldest(model, party, added, await named())
        if oldest == added and not stays:
            # Tryton takes no record that is not active from the first.
            await self._book.set(model, added, {"active": False}, party, what)
        return oldest

    async def _oldest(
        self, model: str, party: PartyRecord, added: int, twins: Sequence[Made]
    ) -> int:
        """Of what was added at the same time the oldest; ours is taken back if it is younger."""
        oldest = min((twin.id for twin in twins), default=added)
        if oldest < added:
            await self._book.remove(model, added, party)
        return min(oldest, added)

    async def _retire(self, model: str, party: PartyRecord, record: Made) -> None:
        if not record.active or not self._book.made_by_us(record):
            return
        try:
            await self._book.set(model, record.id, {"active": False}, party, "what is out of date")
        except Rejection:
            # Another who does the same may have taken it back in between.
            if await self._book.holds(model, record.id):
                raise
