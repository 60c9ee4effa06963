"""Facts: what systems have listed, kept as they said it, and how far each was read."""

from dataclasses import dataclass
from datetime import datetime

import orjson

from canonical_models.reconciliation import (
    BalanceFact,
    DocumentFact,
    EntryFact,
    Facts,
    SubscriptionFact,
)
from persistence.connection import Connection

#: The systems that are read, by the names of a tenant's parts.
BILLING, ERP, SUPPORT = "billing", "erp", "support"

_DOCUMENTS = """
insert into fact_documents (tenant, system, place, key, kind, stands, account, subscription_id,
  number, reference, billing_number, currency, gross_minor, tax_minor, open_minor, issued_at,
  issued_on, ours, collected, corrects, books_currency, earned, at_once, schedules, read_at)
select %(tenant)s, %(system)s, %(place)s, key, kind, stands, account, subscription_id, number,
  reference, billing_number, currency, gross, tax, open, issued_at, issued_on, ours, collected,
  corrects, books, earned::jsonb, at_once::jsonb, schedules::jsonb, clock_timestamp()
from unnest(%(keys)s::text[], %(kinds)s::text[], %(stands)s::bool[], %(accounts)s::text[],
  %(subscriptions)s::text[], %(numbers)s::text[], %(references)s::text[],
  %(billing_numbers)s::text[], %(currencies)s::text[], %(gross)s::bigint[], %(tax)s::bigint[],
  %(open)s::bigint[], %(issued_at)s::timestamptz[], %(issued_on)s::date[], %(ours)s::bool[],
  %(collected)s::bool[], %(corrects)s::text[], %(books)s::text[], %(earned)s::text[],
  %(at_once)s::text[], %(schedules)s::text[])
as told (key, kind, stands, account, subscription_id, number, reference, billing_number, currency,
  gross, tax, open, issued_at, issued_on, ours, collected, corrects, books, earned, at_once,
  schedules)
on conflict (tenant, system, place, key) do update set kind = excluded.kind,
  stands = excluded.stands, account = excluded.account,
  subscription_id = coalesce(excluded.subscription_id, fact_documents.subscription_id),
  number = excluded.number, reference = excluded.reference,
  billing_number = excluded.billing_number, currency = excluded.currency,
  gross_minor = excluded.gross_minor, tax_minor = excluded.tax_minor,
  open_minor = excluded.open_minor, issued_at = excluded.issued_at,
  issued_on = excluded.issued_on, ours = excluded.ours, read_at = excluded.read_at,
  collected = excluded.collected, corrects = excluded.corrects,
  books_currency = excluded.books_currency,
  earned = excluded.earned, at_once = excluded.at_once, schedules = excluded.schedules
"""

_ENTRIES = """
insert into fact_entries (tenant, place, key, kind, account, currency, minor, on_day, number,
  beside, ours, read_at)
select %(tenant)s, %(place)s, key, kind, account, currency, minor, on_day, number, beside, ours,
  clock_timestamp()
from unnest(%(keys)s::text[], %(kinds)s::text[], %(accounts)s::text[], %(currencies)s::text[],
  %(minor)s::bigint[], %(days)s::date[], %(numbers)s::text[], %(beside)s::bool[], %(ours)s::bool[])
as told (key, kind, account, currency, minor, on_day, number, beside, ours)
on conflict (tenant, place, key) do update set kind = excluded.kind, account = excluded.account,
  currency = excluded.currency, minor = excluded.minor, on_day = excluded.on_day,
  number = excluded.number, beside = excluded.beside, ours = excluded.ours,
  read_at = excluded.read_at
"""

# A customer's are told all at once: what is not among them is nothing.
_NO_BALANCES = """
delete from fact_balances where tenant = %(tenant)s and customer_id = any(%(told)s::text[])
"""
_BALANCES = """
insert into fact_balances (tenant, customer_id, currency, minor, read_at)
select %(tenant)s, customer, currency, minor, clock_timestamp()
from unnest(%(customers)s::text[], %(currencies)s::text[], %(minor)s::bigint[])
  as told (customer, currency, minor)
"""

_SUBSCRIPTIONS = """
insert into fact_subscriptions (tenant, subscription_id, customer_id, status, items, read_at)
select %(tenant)s, id, customer_id, said, items::jsonb, clock_timestamp()
from unnest(%(ids)s::text[], %(customers)s::text[], %(said)s::text[], %(items)s::text[])
  as told (id, customer_id, said, items)
on conflict (tenant, subscription_id) do update set customer_id = excluded.customer_id,
  status = excluded.status, items = excluded.items, read_at = excluded.read_at
"""

_ORGANIZATIONS = """
insert into fact_organizations (tenant, organization, tier, contract_end, features, read_at)
select %(tenant)s, id, tier, ends, features::jsonb, clock_timestamp()
from unnest(%(ids)s::text[], %(tiers)s::text[], %(ends)s::timestamptz[], %(features)s::text[])
  as told (id, tier, ends, features)
on conflict (tenant, organization) do update set tier = excluded.tier,
  contract_end = excluded.contract_end, features = excluded.features, read_at = excluded.read_at
"""

_GONE = {
    BILLING: (
        (
            "delete from fact_documents where tenant = %(tenant)s and system = 'billing' "
            "and place = %(place)s and {which}"
        ),
        "delete from fact_subscriptions where tenant = %(tenant)s and {which}",
        "delete from fact_balances where tenant = %(tenant)s and {which}",
    ),
    ERP: (
        (
            "delete from fact_documents where tenant = %(tenant)s and system = 'erp' "
            "and place = %(place)s and {which}"
        ),
        "delete from fact_entries where tenant = %(tenant)s and place = %(place)s and {which}",
    ),
    SUPPORT: ("delete from fact_organizations where tenant = %(tenant)s and {which}",),
}
_KEYS = {
    "fact_balances": "customer_id",
    "fact_documents": "key",
    "fact_entries": "key",
    "fact_subscriptions": "subscription_id",
    "fact_organizations": "organization",
}

# A reading that was broken off goes on, and counts from when it began; everything is read anew
# where that is asked.
_BEGIN = """
insert into fact_reads as known (tenant, system, place, reading_since, whole_since)
values (%(tenant)s, %(system)s, %(place)s, clock_timestamp(), clock_timestamp())
on conflict (tenant, system, place) do update set
  next = case when %(whole)s then null else known.next end,
  reading_since = case when %(whole)s then clock_timestamp()
    else coalesce(known.reading_since, clock_timestamp()) end,
  whole_since = case when %(whole)s then clock_timestamp()
    when known.next is null then coalesce(known.whole_since, clock_timestamp())
    else known.whole_since end
returning next
"""

_WENT_ON = """
update fact_reads set next = %(next)s, requests = requests + %(requests)s,
  until = coalesce(%(until)s, until)
where tenant = %(tenant)s and system = %(system)s and place = %(place)s
"""

_ENDED = """
update fact_reads set began_at = reading_since, reading_since = null, whole_since = null,
  whole_at = coalesce(whole_since, whole_at)
from (select whole_since as since from fact_reads
  where tenant = %(tenant)s and system = %(system)s and place = %(place)s for update) was
where tenant = %(tenant)s and system = %(system)s and place = %(place)s returning was.since
"""


@dataclass(frozen=True)
class Source:
    """A system of a tenant; `place` is the legal entity of an ERP."""

    tenant: str
    system: str
    place: str = ""

    @property
    def values(self) -> dict[str, str]:
        return {"tenant": self.tenant, "system": self.system, "place": self.place}


async def begin(conn: Connection, source: Source, *, whole: bool) -> str | None:
    """Where to go on; None is from the beginning."""
    row = await (await conn.execute(_BEGIN, {**source.values, "whole": whole})).fetchone()
    return row[0] if row else None


async def whole_at(conn: Connection, source: Source) -> datetime | None:
    """When everything of it was last read; None before the first time."""
    found = await conn.execute(
        "select whole_at from fact_reads "
        "where tenant = %(tenant)s and system = %(system)s and place = %(place)s",
        source.values,
    )
    row = await found.fetchone()
    return row[0] if row else None


async def put(conn: Connection, source: Source, page: Facts) -> None:
    """A page, and where the next one begins; in one transaction."""
    if page.documents:
        await _documents(conn, source, page.documents)
    if page.subscriptions:
        await _subscriptions(conn, source.tenant, page.subscriptions)
    if page.entries:
        await _entries(conn, source, page.entries)
    if page.balances:
        await _balances(conn, source.tenant, page.balances)
    if page.organizations:
        values = {
            "tenant": source.tenant,
            # Who tells organisations apart without looking at capitals shows them as they please.
            "ids": [each.organization.lower() for each in page.organizations],
            "tiers": [each.tier for each in page.organizations],
            "ends": [each.contract_end for each in page.organizations],
            "features": [orjson.dumps(each.features).decode() for each in page.organizations],
        }
        await conn.execute(_ORGANIZATIONS, values)
    if page.gone:
        gone = [key.lower() if source.system == SUPPORT else key for key in page.gone]
        await _drop(conn, source, "{key} = any(%(gone)s)", {"gone": gone})
    told = {"next": page.next, "requests": page.requests, "until": page.until}
    await conn.execute(_WENT_ON, {**source.values, **told})


async def ended(conn: Connection, source: Source) -> None:
    """It was read to its end: what a reading of everything has not told is gone."""
    row = await (await conn.execute(_ENDED, source.values)).fetchone()
    if row is not None and row[0] is not None:
        await _drop(conn, source, "read_at < %(since)s", {"since": row[0]})


async def _drop(conn: Connection, source: Source, which: str, more: dict[str, object]) -> None:
    for statement in _GONE[source.system]:
        table = statement.split(" ")[2]
        query = statement.format(which=which.format(key=_KEYS[table]))
        await conn.execute(query.encode(), {**source.values, **more})


async def _documents(conn: Connection, source: Source, told: tuple[DocumentFact, ...]) -> None:
    await conn.execute(
        _DOCUMENTS,
        {
            **source.values,
            "keys": [each.key for each in told],
            "kinds": [each.kind.value for each in told],
            "stands": [each.stands for each in told],
            "accounts": [each.account for each in told],
            "subscriptions": [each.subscription_id for each in told],
            "numbers": [each.number for each in told],
            "references": [each.reference for each in told],
            "billing_numbers": [each.billing_number for each in told],
            "currencies": [each.gross.currency for each in told],
            "gross": [each.gross.minor for each in told],
            "tax": [None if each.tax is None else each.tax.minor for each in told],
            "open": [None if each.open is None else each.open.minor for each in told],
            "issued_at": [each.issued_at for each in told],
            "issued_on": [each.issued_on for each in told],
            "ours": [each.ours for each in told],
            "collected": [each.collected for each in told],
            "corrects": [each.corrects for each in told],
            "books": [None if each.earned is None else each.earned.currency for each in told],
            "earned": [_json(each.earned and each.earned.months) for each in told],
            "at_once": [_json(each.earned and each.earned.at_once) for each in told],
            "schedules": [_json(each.earned and each.earned.schedules) for each in told],
        },
    )


def _json(value: object) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


async def _entries(conn: Connection, source: Source, told: tuple[EntryFact, ...]) -> None:
    await conn.execute(
        _ENTRIES,
        {
            **source.values,
            "keys": [each.key for each in told],
            "kinds": [each.kind.value for each in told],
            "accounts": [each.account for each in told],
            "currencies": [each.amount.currency for each in told],
            "minor": [each.amount.minor for each in told],
            "days": [each.on for each in told],
            "numbers": [each.number for each in told],
            "beside": [each.beside for each in told],
            "ours": [each.ours for each in told],
        },
    )


async def _balances(conn: Connection, tenant: str, told: tuple[BalanceFact, ...]) -> None:
    await conn.execute(
        _NO_BALANCES, {"tenant": tenant, "told": [each.customer_id for each in told]}
    )
    kept = {
        (each.customer_id, amount.currency): amount.minor
        for each in told
        for amount in each.amounts
    }
    # Who has nothing is told apart from who is not listed.
    kept |= {(each.customer_id, ""): 0 for each in told if not each.amounts}
    await conn.execute(
        _BALANCES,
        {
            "tenant": tenant,
            "customers": [customer for customer, _ in kept],
            "currencies": [currency for _, currency in kept],
            "minor": list(kept.values()),
        },
    )


async def _subscriptions(conn: Connection, tenant: str, told: tuple[SubscriptionFact, ...]) -> None:
    await conn.execute(
        _SUBSCRIPTIONS,
        {
            "tenant": tenant,
            "ids": [each.subscription_id for each in told],
            "customers": [each.customer_id for each in told],
            "said": [each.status.value for each in told],
            "items": [
                None if each.items is None else orjson.dumps(each.items).decode() for each in told
            ],
        },
    )
