"""Vendors that are away, as operators see them."""

from cli.output import ExitCode
from persistence import breakers, lanes
from persistence.database import Database
from tests.api.seeding import Ids
from tests.cli_groups.conftest import Trueup


async def test_connections_are_listed_and_their_question_takes_no_decision(
    trueup: Trueup, acme: Ids, database: Database
) -> None:
    del acme
    async with database.transaction() as conn:
        await breakers.seen(conn, "acme", "zendesk", 7)
        await breakers.opened(conn, "acme", "tryton", reason="it gives no answer", probe_in=5)
        asked = await breakers.ask(conn, "acme", "tryton", message="tryton is away")
        await lanes.needed(conn, "acme", "LE-DE")
        await lanes.hold(conn, build="1.0", holder="a worker", tenants=["acme"])
    assert asked is not None

    shown = await trueup("connections", "list")
    assert shown.code == 0, shown.err
    for words in ("tryton", "open", "it gives no answer", "zendesk", "closed", "7"):
        assert words in shown.out, words
    assert shown.out.splitlines()[-1].split()[:4] == ["LE-DE", "a", "worker", "1.0"]
    items = (await trueup("connections", "list", "-o", "json")).json["items"]
    assert [(one["connection"], one["exception_id"]) for one in items] == [
        ("tryton", asked),
        ("zendesk", None),
    ]

    assert "tryton is away" in (await trueup("exceptions", "show", asked)).out
    refused = await trueup("exceptions", "resolve", asked, "retry")
    assert refused.code == ExitCode.CONFLICT
    assert "closes by itself" in refused.err
