"""Operators decide, and the real saga does it."""

from urllib.parse import unquote

import pytest
from temporalio.client import WorkflowFailureError

from cli.output import ExitCode
from persistence import inbox
from persistence.database import Database
from persistence.tables import InboxRow
from tests.api.seeding import Ids
from tests.api.stuck import stuck
from tests.cli_groups.conftest import Trueup
from tests.harness.rows import add
from tests.harness.sagas import Sagas
from tests.harness.waiting import until
from tests.harness.webhooks import subscription_event


async def test_a_correction_ends_with_the_change_done(trueup_at_work: Trueup, sagas: Sagas) -> None:
    waiting = await stuck(sagas)
    key = waiting.exception.exception_id
    corrected = await trueup_at_work(
        *("exceptions", "resolve", key, "correct", "--item", "new=NEW", "--per-unit", "seats"),
        *("--included", "sso", "--tier", "premium", "--note", "was forgotten", "--wait"),
    )
    assert corrected.code == 0, corrected.err
    assert "correct was taken by the saga" in corrected.err
    assert f"Change {waiting.change_id} is completed" in corrected.err
    again = await trueup_at_work("exceptions", "resolve", key, "abort")
    assert again.code == ExitCode.CONFLICT
    assert "`correct` by anna" in again.err
    drawn = (await trueup_at_work("changes", "show", waiting.change_id)).out
    assert "INV-1" in drawn
    assert "correct by anna (cli), taken: was forgotten" in drawn


async def test_a_retry_that_mends_nothing_is_not_called_done(
    trueup_at_work: Trueup, sagas: Sagas
) -> None:
    waiting = await stuck(sagas)
    key = waiting.exception.exception_id
    retried = await trueup_at_work("exceptions", "resolve", key, "retry", "--wait")
    assert retried.code == ExitCode.FAILED
    assert "is waiting" in retried.err
    reopened = await sagas.exception(waiting.change_id)
    # The same question, with its clock.
    assert (reopened.exception_id, reopened.due_at) == (key, waiting.exception.due_at)
    aborted = await trueup_at_work(
        "exceptions", "resolve", reopened.exception_id, "abort", "--wait", "-o", "json"
    )
    assert aborted.code == 0, aborted.err
    assert aborted.json["change"]["outcome"] == "compensated"


async def test_a_cancellation_waits_until_all_is_undone(
    trueup_at_work: Trueup, sagas: Sagas
) -> None:
    waiting = await stuck(sagas)
    cancelled = await trueup_at_work(
        "changes", "cancel", waiting.change_id, "--wait", "--timeout", "30"
    )
    assert cancelled.code == 0, cancelled.err
    assert "Undone: what it had done was taken back" in cancelled.err
    assert "undone: cancelled by anna" in cancelled.err
    with pytest.raises(WorkflowFailureError):
        await waiting.handle.result()
    shown = (await trueup_at_work("changes", "show", waiting.change_id, "-o", "json")).json
    (made,) = [one for one in shown["decided"] if one["action"] == "cancel"]
    assert (made["by"], made["door"]) == ("anna", "cli")
    assert not any("unnamed" in str(step) for step in shown["timeline"])


async def test_a_cancellation_in_the_engine_names_nobody_and_says_so(
    trueup_at_work: Trueup, sagas: Sagas
) -> None:
    waiting = await stuck(sagas)
    await waiting.handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await waiting.handle.result()
    shown = (await trueup_at_work("changes", "show", waiting.change_id, "-o", "json")).json
    what = "cancel of change by an unnamed operator, in the Temporal Web UI"
    (step,) = [one for one in shown["timeline"] if one["what"] == what]
    assert step["at"]
    assert "cancelled in Temporal by an unnamed operator" in shown["words"]


async def test_a_signal_reaches_the_saga(trueup_at_work: Trueup, sagas: Sagas) -> None:
    waiting = await stuck(sagas)
    sent = await trueup_at_work("changes", "signal", waiting.change_id, "newer_change")
    assert sent.code == 0, sent.err
    status = await waiting.handle.query("status", result_type=dict)
    assert status["newer_changes"] == 1
    key = waiting.exception.exception_id
    assert (await trueup_at_work("exceptions", "resolve", key, "abort", "--wait")).code == 0


async def test_a_change_not_begun_is_cancelled_without_temporal(trueup: Trueup, acme: Ids) -> None:
    said = await trueup("changes", "cancel", acme.change("next"), "-o", "json")
    assert said.json["cancelled"]["how"] == "settled"
    assert said.json["change"]["outcome"] == "cancelled"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (subscription_event("evt_9", "sub_9"), "dispatched", "subscription sub_9"),
        (subscription_event("evt_9", type_="plan.created"), "ignored", "it is ignored"),
        (b"{", "dead_lettered", "it stays a dead letter"),
    ],
)
async def test_a_replay_says_first_what_it_will_do(
    body: bytes, status: str, words: str, trueup: Trueup, database: Database
) -> None:
    async with database.transaction() as conn:
        await add(
            conn,
            InboxRow(
                receipt="rcp_9",
                tenant="acme",
                connection="billing",
                event_id="evt_9",
                event_type="x",
                status=status,
                body=body,
            ),
        )
    dry = await trueup("inbox", "replay", "rcp_9", "--dry-run")
    assert dry.code == 0, dry.err
    assert words in dry.err
    assert await _status(database) == (status, 0)
    done = await trueup("inbox", "replay", "rcp_9", "-o", "json")
    assert done.json["done"]
    assert await _status(database) == ("received", 1)
    again = await trueup("inbox", "replay", "rcp_9")
    assert again.code == 0
    assert "waits to be read anyway" in again.err
    assert await _status(database) == ("received", 1)


async def _status(database: Database) -> tuple[str, int]:
    async with database.transaction() as conn:
        item = await inbox.find(conn, "acme", "rcp_9")
    assert item is not None
    return item.status, item.replays


async def test_the_link_to_what_waits_finds_it(trueup_at_work: Trueup, sagas: Sagas) -> None:
    waiting = await stuck(sagas)
    link = (await trueup_at_work("status", "-o", "json")).json["waiting"]
    query = unquote(link.partition("?query=")[2])

    async def found() -> bool:
        return waiting.handle.id in {run.id async for run in sagas.client.list_workflows(query)}

    await until(found, "the Web UI's list shows the saga that waits")
