"""What every system holds, read once while nothing is under way: each by its own interface.

Of Trueup's tables are read what can be asked of nobody else: what it has taken in, what it says it
has done, and whom it asks.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

from sandbox.demo.systems import Row
from sandbox.demo.world import World
from sandbox.erp.instance import ErpInstance
from sandbox.erp.rpc import TrytonRpc
from tests.harness.erp_documents import Document, money, read_documents

#: Parties or documents that are asked for at a time.
_SOME = 60


@dataclass(frozen=True)
class Seen:
    """Of all customers, or of those that were asked for.

    `papers` are the ERP's documents and `moves` what was entered beside them, drafts too; `owed` is
    what each party (by code) owes each entity. `effects`, `changes` and `questions` are rows.
    """

    papers: list[Document]
    #: Our own ids of the papers, where the ERP has the optional module.
    external_ids: dict[int, str | None]
    moves: list[Row]
    parties: list[Row]
    owed: dict[tuple[str, str], Decimal]
    organizations: list[Row]
    told: dict[str, Row]
    deliveries: list[Row]
    #: Status by event id.
    inbox: dict[str, str]
    effects: list[Row]
    changes: list[Row]
    questions: list[Row]
    differences: list[Row]
    #: The day on which billing first was refused the money, by invoice.
    refused: dict[str, int] = field(default_factory=dict)
    #: When billing last told of the subscription or of its customer's money.
    last_news: dict[str, int] = field(default_factory=dict)

    def of_party(self, party: str) -> list[Document]:
        return [paper for paper in self.papers if paper.raw["party."]["code"] == party]


async def look(world: World, erp: ErpInstance, customers: Collection[str] | None = None) -> Seen:
    """`customers` by billing's id, which is their code in the ERP; None for everybody's."""
    rows = await _rows(world.facts.postgres_dsn, customers)
    organizations = await _organizations(world)
    held = (await world.product.ask("GET", "/_sim/customers"))["customers"]
    delivered = (await world.billing.ask("GET", "/_sim/deliveries"))["deliveries"]
    events = await _events(world)
    async with TrytonRpc(
        erp.url, erp.database, erp.credentials.admin_login, erp.credentials.admin_password
    ) as rpc:
        codes = sorted(customers) if customers is not None else await _parties_made(rpc, erp)
        papers, external_ids = await _papers(erp, rpc, codes)
        return Seen(
            papers=papers,
            external_ids=external_ids,
            moves=await _moves(erp, rpc, customers),
            parties=await rpc.search("party.party", _whose("code", customers, _ANY), _PARTY),
            owed=await _owed(erp, rpc, codes),
            organizations=organizations,
            told={one["customer_id"]: one for one in held},
            deliveries=delivered,
            inbox={row["event_id"]: row["status"] for row in rows["inbox"]},
            effects=rows["effects"],
            changes=rows["changes"],
            questions=rows["exceptions"],
            differences=await _differences(world),
            refused=_first_refused(events),
            last_news=_last_news(events),
        )


_PARTY = ["code", "name", "active"]
#: Those that are no longer used, too.
_ANY = [["active", "in", [True, False]]]
_MOVE = ["number", "state", "description", "origin", "company", "date", "create_uid.login"]


async def _parties_made(rpc: TrytonRpc, erp: ErpInstance) -> list[str]:
    """Those that the seed has not brought along."""
    rows = await rpc.search("party.party", [["code", "like", "cus_%"]], ["code"])
    return [row["code"] for row in rows if row["code"] not in erp.facts.parties]


async def _papers(
    erp: ErpInstance, rpc: TrytonRpc, codes: Sequence[str]
) -> tuple[list[Document], dict[int, str | None]]:
    papers: list[Document] = []
    ids: dict[int, str | None] = {}
    for some in _cut(codes):
        domain = [["type", "=", "out"], ["party.code", "in", some]]
        found = await read_documents(erp, rpc, domain)
        papers += found
        if erp.facts.module:
            named = await rpc.search("account.invoice", domain, ["external_id"])
            ids |= {row["id"]: row["external_id"] for row in named}
    return papers, ids


async def _moves(erp: ErpInstance, rpc: TrytonRpc, customers: Collection[str] | None) -> list[Row]:
    own = ["external_id"] if erp.facts.module else []
    mine = [["create_uid.login", "=", erp.credentials.api_login]]
    domain = _whose("lines.party.code", customers, mine)
    return await rpc.search("account.move", domain, [*_MOVE, *own])


def _whose(code: str, customers: Collection[str] | None, domain: list[Any]) -> list[Any]:
    return domain if customers is None else [*domain, [code, "in", sorted(customers)]]


async def _owed(
    erp: ErpInstance, rpc: TrytonRpc, codes: Sequence[str]
) -> dict[tuple[str, str], Decimal]:
    entities = {facts.id: code for code, facts in erp.companies.items()}
    owed: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for some in _cut(codes):
        rows = await rpc.search(
            "account.move.line",
            [
                ["party.code", "in", some],
                ["account.type.receivable", "=", True],
                ["move.state", "=", "posted"],
            ],
            ["party.code", "debit", "credit", "move.company"],
        )
        for row in rows:
            entity = entities[row["move."]["company"]]
            owed[row["party."]["code"], entity] += money(row["debit"]) - money(row["credit"])
    return owed


def _cut(codes: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(codes), _SOME):
        yield list(codes[start : start + _SOME])


async def _organizations(world: World) -> list[Row]:
    found: list[Row] = []
    path: str | None = "/api/v2/organizations?page[size]=100"
    while path:
        page = await world.desk.ask("GET", path)
        found += page["organizations"]
        path = page["links"]["next"] if page["meta"]["has_more"] else None
    return found


async def _events(world: World) -> list[Row]:
    found: list[Row] = []
    more = True
    while more:
        after = {"starting_after": found[-1]["id"]} if found else {}
        page = await world.billing.ask("GET", "/v1/events", params={"limit": 100, **after})
        found += page["data"]
        more = page["has_more"]
    return found[::-1]


def _first_refused(events: list[Row]) -> dict[str, int]:
    """Since when each invoice is overdue, in seconds."""
    first: dict[str, int] = {}
    for event in events:
        if event["type"] in ("invoice.payment_failed", "invoice.overdue"):
            first.setdefault(event["data"]["object"]["id"], event["created"])
    return first


def _last_news(events: list[Row]) -> dict[str, int]:
    return {
        event["data"]["object"]["id"]: event["created"]
        for event in events
        if event["type"].startswith("customer.subscription.")
    }


async def _differences(world: World) -> list[Row]:
    found: list[Row] = []
    cursor: str | None = None
    while True:
        given: dict[str, Any] = {"limit": 200} | ({"cursor": cursor} if cursor else {})
        page = await world.trueup.ask("GET", "/v1/differences", params=given)
        found += page["items"]
        if (cursor := page.get("next")) is None:
            return found


_QUERIES = {
    "inbox": "select event_id, status from inbox",
    "effects": "select e.key, e.change_id, e.step, e.system, e.state, e.result, e.undo_result, "
    "e.vendor_reference, e.writes_set, e.place, e.error, e.closed_by, e.confirmed_at, c.subject, "
    "c.customer_id from effects e left join changes c on c.id = e.change_id order by e.created_at",
    "changes": "select id, subject, customer_id, kind, state, outcome, stage, summary, held, "
    "taken_in_by, requeued, run_id, seq from changes order by seq",
    "exceptions": "select id, change_id, workflow_id, track, belongs_to, customer_id, code, "
    "subject, owner, due_at, message, state, resolution, resolved_by from exceptions "
    "order by opened_at",
}


async def _rows(dsn: str, customers: Collection[str] | None) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    async with await psycopg.AsyncConnection.connect(dsn, row_factory=dict_row) as connection:
        for name, query in _QUERIES.items():
            rows = await (await connection.execute(query)).fetchall()
            if customers is not None and name != "inbox":
                rows = [row for row in rows if row.get("customer_id") in customers]
            found[name] = rows
    return found
