"""All pages with what is hostile in every text, and what a page may cost."""

import gzip
import html
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from psycopg.types.json import Jsonb

from canonical_models.batch import BatchKind
from canonical_models.mapping import AccountPlace, ItemMapping
from canonical_models.money import Money
from canonical_models.preview import Mend
from console.figures import money, seconds
from operations.context import AppContext
from persistence import account_places, batches, mappings
from persistence.batches import Listed
from persistence.connection import Connection
from persistence.database import Database
from tests.api.seeding import Ids, exception_row, seeded
from tests.console.office import at_desk, console_of
from tests.harness.round_trips import counted
from tests.harness.rows import add

#: What opens a tag, leaves an attribute, a script or a template, and what turns text around.
HOSTILE = (
    """</td></table>"'><img src=x onerror=alert(1)><script>alert(1)</script>{{7*7}}"""
    "\N{RIGHT-TO-LEFT OVERRIDE}javascript:alert(1)"
)
#: The same of an id, as its system may issue it.
HOSTILE_ID = """"'><script>alert(1)</script>"""
ACME = Ids("acme")
PAGES = (
    "/me",
    "/acme/work?team=all",
    "/acme/work?team=all&state=closed",
    f"/acme/causes/{ACME.cause}?whole=true",
    "/acme/cases/exc_hostile",
    f"/acme/cases/{ACME.exception}",
    f"/acme/cases/{ACME.exception}/undo",
    "/acme/approvals",
    "/acme/approvals/exc_hostile_yes",
    "/acme/periods",
    "/acme/shadow",
    "/acme/kinds/items",
    "/acme/kinds/customers",
    "/acme/batches",
    f"/acme/releases/{ACME.batch}",
    "/acme/releases/rel_hostile",
    "/acme/releases/rel_hostile/undo",
    "/acme/backfills",
    f"/acme/backfills/{ACME.backfill}",
    "/acme/accounts",
    f"/acme/accounts/{ACME.customer}",
    f"/acme/changes/{ACME.change('done')}",
    f"/acme/changes/{ACME.change('waits')}",
    "/acme/subscriptions",
    f"/acme/subscriptions/{ACME.subscription}",
    f"/acme/documents/{ACME.invoice}",
    "/acme/differences",
    "/acme/messages",
    f"/acme/messages/{ACME.receipt}",
    f"/acme/messages/{ACME.receipt}/body",
    "/acme/connections",
    "/acme/numbers",
    "/acme/numbers/posting",
    "/acme/trail",
    "/acme/people",
    "/acme/keys",
)
#: Of any page, who is there included.
MOST_STATEMENTS = 6
FIRST_VIEW = 65 * 1024
#: What is never shown but as a detail for support.
INSIDE = re.compile(
    r"\b(?:workflow|saga|signal|dead.letter|idempotency|fingerprint|exception|inbox|webhook)\b",
    re.IGNORECASE,
)


_SAID = (
    "insert into case_history (tenant, about, by, what, note) "
    "values ('acme', 'exc_hostile', %(it)s, 'commented', %(it)s)"
)


class Seen(HTMLParser):
    """Tags with their attributes, and text outside of what is for support."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


async def in_bulk(conn: Connection) -> None:
    """A release at its end that has posted a document and set a mapping over another; what a
    rehearsal has found; and where an account stands."""
    old = ItemMapping(item=HOSTILE_ID, erp_item=HOSTILE_ID)
    new = old.model_copy(update={"erp_item": "NEW"})
    await mappings.put(conn, "acme", old, by="fay")
    await mappings.put(conn, "acme", new, by="fay")
    given = {
        "cause_id": ACME.cause,
        "preview": "pre_hostile",
        "mend": Mend(item=new).model_dump(mode="json", exclude_none=True),
        "reason": HOSTILE,
    }
    money = {"minor": 100, "currency": "EUR"}
    document = {"document_id": ACME.invoice, "void": False, "legal_entity": HOSTILE}
    found = {
        "subject": HOSTILE,
        "comes": "goes_through",
        "summary": HOSTILE,
        "documents": [document | dict.fromkeys(("net", "tax", "gross"), money)],
        "writes": [{"system": HOSTILE, "effect": HOSTILE, "count": 1}],
        "requests": {HOSTILE: 1},
    }
    kinds = (("rel_hostile", BatchKind.RELEASE, given), (ACME.backfill, None, None))
    for batch, kind, begun in kinds:
        if kind is not None and begun is not None:
            await batches.begin(conn, "acme", batch, kind, subject=batch, given=begun, by=HOSTILE)
        await batches.add(conn, "acme", batch, [Listed(HOSTILE_ID)])
        await conn.execute(
            "update batch_items set outcome = 'done', found = %s where batch_id = %s",
            (Jsonb(found), batch),
        )
    await conn.execute(
        "update batches set state = 'ended', ended_at = now() where id = 'rel_hostile'"
    )
    place = AccountPlace(
        customer_id=ACME.customer,
        parent=HOSTILE_ID,
        payer=HOSTILE_ID,
        external_ids={"crm": HOSTILE_ID},
    )
    await account_places.put(conn, "acme", place, by=HOSTILE)


@pytest.fixture
async def hostile(database: Database) -> None:
    """Beside the seeds: a case, a change, a message, a release that has posted, an account, a
    rehearsal and history that want to be more than text."""
    ids = await seeded(database, "acme")
    async with database.transaction() as conn:
        await in_bulk(conn)
        await add(
            conn,
            exception_row(
                ids,
                "exc_hostile",
                "waits",
                message=HOSTILE,
                subject=HOSTILE,
                track="access",
                customer_id=HOSTILE,
            ),
            exception_row(
                ids,
                "exc_hostile_yes",
                "done",
                message=HOSTILE,
                subject=HOSTILE,
                code="approval_needed",
                track="books",
            ),
        )
        for statement in (
            "update changes set summary = %(it)s",
            "update effects set operation = %(it)s, error = %(it)s, vendor_reference = %(it)s",
            "update exceptions set note = %(it)s, assignee = %(it)s, step = %(it)s",
            "update causes set assignee = %(it)s",
            "update inbox set reason = %(it)s, event_type = %(it)s",
            "update inbox set body = convert_to(%(it)s::text, 'UTF8')",
            "update batches set why = %(it)s",
            "update batches set given = jsonb_set(given, '{reason}', to_jsonb(%(it)s::text))",
            "update batch_items set reason = %(it)s",
            _SAID,
        ):
            await conn.execute(statement.encode(), {"it": HOSTILE})


@pytest.fixture
def app(context: AppContext) -> FastAPI:
    return console_of(context)


@pytest.fixture
async def kim(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Who may see every page."""
    async with at_desk(app, "kim") as browser:
        entrance: Any = app.state.entrance
        async with entrance.context.database.transaction() as conn:
            await conn.execute(
                "insert into memberships (person_id, tenant, role, granted_by) select id, 'acme', "
                "role, 'a test' from people, unnest(array['finance', 'support', 'operations']) role"
            )
        yield browser


async def test_nothing_that_is_shown_is_more_than_text(
    kim: httpx.AsyncClient, hostile: None
) -> None:
    shown = 0
    for path in PAGES:
        page = await kim.get(path)
        assert page.status_code == 200, (path, page.text[-2000:])
        assert "<script>alert" not in page.text, path
        assert "<img" not in page.text, path
        assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in page.text, path
        shown += html.escape("<script>alert(1)</script>") in page.text
        seen = Seen()
        seen.feed(page.text)
        for tag, attributes in seen.tags:
            assert not any(name.startswith("on") or name == "style" for name in attributes), path
            for name in ("href", "src", "action", "formaction"):
                assert not (attributes.get(name) or "").lower().startswith("javascript:"), path
            if tag == "script":
                assert (attributes.get("src") or "").startswith("/static/"), path
    # The walk meets it, or it proves nothing.
    assert shown >= 10


async def test_a_page_is_readable_by_who_does_not_see_it(
    kim: httpx.AsyncClient, hostile: None
) -> None:
    """One heading, every table with a caption and scopes, every field with a label, ids once."""
    for path in PAGES:
        page = (await kim.get(path)).text
        seen = Seen()
        seen.feed(page)
        tags = [tag for tag, _ in seen.tags]
        assert tags.count("h1") == 1, path
        assert tags.count("table") == tags.count("caption"), path
        assert all("scope" in attributes for tag, attributes in seen.tags if tag == "th"), path
        labels = {attributes.get("for") for tag, attributes in seen.tags if tag == "label"}
        for tag, attributes in seen.tags:
            if tag in {"input", "textarea", "select"} and attributes.get("type") not in {
                "hidden",
                "checkbox",
            }:
                known = attributes.get("id") in labels or "aria-label" in attributes
                assert known, (path, attributes)
        ids = [attributes["id"] for _, attributes in seen.tags if attributes.get("id")]
        assert len(ids) == len(set(ids)), (path, [each for each in ids if ids.count(each) > 1])
        assert "<title>" in page
        assert 'lang="en"' in page


async def test_words_of_the_inside_stay_inside(kim: httpx.AsyncClient, database: Database) -> None:
    await seeded(database, "acme")
    for path in PAGES:
        if "hostile" in path or path in {"/acme/trail", "/acme/keys", "/acme/messages"}:
            # The trail names things as they were written, and keys what they may.
            continue
        page = (await kim.get(path)).text
        told = re.sub(r'<details class="support">.*?</details>|<[^>]+>', " ", page, flags=re.DOTALL)
        found = INSIDE.findall(told)
        assert not found, (path, found)


async def test_what_a_page_asks_of_the_database(kim: httpx.AsyncClient, hostile: None) -> None:
    costs = {}
    for path in PAGES:
        with counted() as sent:
            await kim.get(path)
        costs[path] = len(sent)
    assert min(costs.values()) >= 1
    assert {path: cost for path, cost in costs.items() if cost > MOST_STATEMENTS} == {}


@pytest.mark.parametrize(
    ("path", "most"), [("/acme/work?team=all", FIRST_VIEW), ("/acme/numbers/posting", 90 * 1024)]
)
async def test_what_a_first_view_weighs(
    kim: httpx.AsyncClient, hostile: None, path: str, most: int
) -> None:
    page = await kim.get(path)
    files = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text))
    weights = {"page": len(gzip.compress(page.content))}
    for file in files:
        # What is sent, not what it becomes.
        async with kim.stream("GET", file) as answer:
            weights[file] = sum([len(part) async for part in answer.aiter_raw()])
    assert sum(weights.values()) <= most, weights


async def test_what_a_next_page_weighs(kim: httpx.AsyncClient, hostile: None) -> None:
    for path in PAGES:
        raw = (await kim.get(path)).content
        assert len(raw) <= 100 * 1024, path
        assert len(gzip.compress(raw)) <= 15 * 1024, path


def test_figures_are_exact_and_keep_their_currency() -> None:
    for minor, currency, said in (
        (130000, "EUR", "1,300.00"),
        (-120050, "EUR", "\N{MINUS SIGN}1,200.50"),
        (1050, "JPY", "1,050"),
        (1050, "KWD", "1.050"),
        (0, "USD", "0.00"),
    ):
        text = re.sub(r"<[^>]+>", "", money(Money(minor=minor, currency=currency)))
        assert text == f"{said}\N{NO-BREAK SPACE}{currency}"
    assert "not known" in money(None)
    assert seconds(None) == "-"
    assert seconds(0.44) == "0.4 s"
    assert seconds(7800) == "2 h 10 min"


EMPTY = ("work", "approvals", "messages", "trail", "batches", "backfills", "accounts")


@pytest.mark.parametrize("path", [f"/acme/{name}" for name in EMPTY])
async def test_where_there_is_nothing_it_says_why(app: FastAPI, path: str) -> None:
    async with at_desk(app, "fay") as fay:
        page = await fay.get(path)
        assert page.status_code == 200
        assert 'class="empty"' in page.text
