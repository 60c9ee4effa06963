"""What the workflow engine is asked and told, on a real Temporal server, and how its errors are
said."""

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from canonical_models.amendment import ChangeKind
from canonical_models.states import ChangeState
from canonical_models.views import ChangeView
from operations import engine
from operations.engine import Engine, saga_of
from operations.errors import Conflict, Invalid, NotDone, Unavailable
from workflows.names import CHANGE, CUSTOMER, TENANT

QUEUE = "engine-of-tests"


@workflow.defn(name="tests.engine")
class Told:
    """Waits until it is told a word; `bad` ends it as a failure, anything else is its result."""

    def __init__(self) -> None:
        self._word: str | None = None

    @workflow.run
    async def run(self, word: str | None) -> dict[str, Any]:
        self._word = word or self._word
        await workflow.wait_condition(lambda: self._word is not None)
        if self._word == "bad":
            raise ApplicationError("the ERP is away", non_retryable=True)
        return {"word": self._word}

    @workflow.signal(name="tell")
    def tell(self, word: str) -> None:
        self._word = word


def at(client: Client, *, ui: str | None = None) -> Engine:
    async def connect() -> Client:
        return client

    return Engine(connect, namespace="default", ui=ui, task_queue=QUEUE)


@pytest.fixture
async def working(temporal: WorkflowEnvironment) -> AsyncIterator[Engine]:
    async with Worker(
        temporal.client,
        task_queue=QUEUE,
        workflows=[Told],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield at(temporal.client)


def change(subject: str, change_id: str = "chg_1") -> ChangeView:
    now = datetime.now(UTC)
    return ChangeView(
        change_id=change_id,
        seq=1,
        tenant="acme",
        connection="billing",
        subject=subject,
        subscription_id=subject,
        customer_id=None,
        event_id="evt_1",
        kind=ChangeKind.OTHER,
        lane=1,
        state=ChangeState.RUNNING,
        outcome=None,
        stage=None,
        summary=None,
        run_id=None,
        plan_digest=None,
        occurred_at=now,
        received_at=now,
        started_at=None,
        settled_at=None,
    )


def named() -> str:
    return f"told/acme/{secrets.token_hex(4)}"


async def told(working: Engine, workflow_id: str, word: str | None) -> dict[str, Any] | None:
    return await working.result(
        "tests.engine", word, workflow_id=workflow_id, tenant="acme", summary="a test"
    )


async def test_a_result_is_waited_for_and_a_failure_says_what_its_step_said(
    working: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await told(working, named(), "well") == {"word": "well"}
    with pytest.raises(Unavailable) as failed:
        await told(working, "told/acme/sub_1", "bad")
    assert failed.value.detail == "the saga of told sub_1 could not be done: the ERP is away"
    assert failed.value.remedy
    # Nothing has come within the time: that is no failure, and it goes on.
    monkeypatch.setattr(engine, "TAKEN", timedelta(seconds=0.2))
    slow = named()
    assert await told(working, slow, None) is None
    await working.signal(slow, None, "tell", ["later"])
    ended = (await working.client()).get_workflow_handle(slow)
    assert await ended.result() == {"word": "later"}


async def test_a_workflow_is_started_once_and_hears_signals_until_it_has_ended(
    working: Engine,
) -> None:
    key = named()
    for _ in range(2):
        await working.start(
            "tests.engine", None, workflow_id=key, tenant="acme", summary="a test", priority=3
        )
    await working.terminate(key, None, why="enough")
    # What does not run any more is ended already.
    await working.terminate(key, None, why="enough")
    for gone in (key, named()):
        with pytest.raises(Conflict, match="runs that could hear this"):
            await working.signal(gone, None, "tell", ["x"])


async def test_a_run_that_nobody_wrote_down_is_that_of_the_change_alone(working: Engine) -> None:
    subject = f"sub_{secrets.token_hex(4)}"
    assert await working.run_of(change(subject)) is None
    client = await working.client()
    marks = [
        SearchAttributePair(TENANT, "acme"),
        SearchAttributePair(CHANGE, "chg_1"),
        SearchAttributePair(CUSTOMER, subject),
    ]
    started = await client.start_workflow(
        "tests.engine",
        None,
        id=saga_of(change(subject)),
        task_queue=QUEUE,
        search_attributes=TypedSearchAttributes(marks),
    )
    assert await working.run_of(change(subject)) == started.first_execution_run_id
    assert await working.run_of(change(subject, "chg_2")) is None
    assert await working.open_of("acme", subject) == 1
    assert await working.open_of("globex", subject) == 0
    assert await working.open_of("acme", f"{subject}' or TrueupTenant = 'acme") == 0
    await started.terminate()
    assert await working.run_of(change(subject)) is None


async def test_the_server_says_how_long_it_keeps_histories_and_who_works(working: Engine) -> None:
    assert await working.reachable()
    assert await working.kept_for() > timedelta(hours=1)
    assert await working.workers() == 1


async def test_a_message_that_is_too_large_is_refused_and_nothing_is_away(
    working: Engine,
) -> None:
    key = named()
    await working.start(
        "tests.engine", None, workflow_id=key, tenant="acme", summary="a test", priority=3
    )
    with pytest.raises(Invalid, match="refused the message") as refused:
        await working.signal(key, None, "tell", ["x" * 2_500_000])
    assert "smaller message" in refused.value.remedy
    await working.terminate(key, None, why="enough")


async def nobody() -> Client:
    return await Client.connect("127.0.0.1:9")


async def test_a_server_that_is_away_says_so_whatever_it_is_asked() -> None:
    away = Engine(nobody, namespace="default")
    assert not await away.reachable()
    asked = (
        away.workers(),
        away.kept_for(),
        away.open_of("acme", "cus_1"),
        away.run_of(change("sub_1")),
        away.signal("x", None, "tell", []),
        away.terminate("x", None, why="x"),
    )
    for each in asked:
        with pytest.raises(Unavailable, match="cannot be reached") as raised:
            await each
        assert "nothing is lost" in raised.value.remedy


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (RPCError("x", RPCStatusCode.UNAVAILABLE, b""), Unavailable, "answered unavailable"),
        (RPCError("x", RPCStatusCode.NOT_FOUND, b""), Conflict, "no saga of subscription sub_1"),
        (TimeoutError(), Unavailable, "the saga of subscription sub_1 has not answered in time"),
        (RuntimeError("x"), Unavailable, "cannot be reached"),
    ],
)
async def test_what_the_engine_answers_is_said_of_the_saga(
    fault: Exception, error: type[NotDone], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Engine(nobody, namespace="default")

    async def failing(*_: object) -> None:
        raise fault

    monkeypatch.setattr(asked, "_handle", failing)
    with pytest.raises(error, match=words):
        await asked.signal("subscription/acme/sub_1", None, "tell", [])


def test_links_lead_to_the_web_ui_where_there_is_one() -> None:
    bare = Engine(nobody, namespace="default")
    assert (bare.link("a/b"), bare.listed("x = 'y'"), bare.link_of(change("sub_1"))) == (
        *(None, None, None),
    )
    shown = Engine(nobody, namespace="of us", ui="http://ui/")
    assert shown.link("a/b", "r") == "http://ui/namespaces/of%20us/workflows/a%2Fb/r/history"
    run = change("sub_1").model_copy(update={"run_id": "r"})
    assert (shown.link_of(run) or "").endswith("acme%2Fsub_1/r/history")
    assert shown.link_of(change("sub_1")) is None
