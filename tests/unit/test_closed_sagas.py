"""How a saga has ended that did not settle its change, in words that follow "the saga"."""

import pytest
from temporalio.api.history.v1 import HistoryEvent

from dispatch.watching import _how


def ended(kind: str, **said: str) -> HistoryEvent:
    closing = HistoryEvent()
    of = getattr(closing, f"workflow_execution_{kind}_event_attributes")
    of.SetInParent()
    for name, value in said.items():
        setattr(of, name, value)
    return closing


def failed(message: str) -> HistoryEvent:
    closing = HistoryEvent()
    closing.workflow_execution_failed_event_attributes.failure.message = message
    return closing


@pytest.mark.parametrize(
    ("closing", "words"),
    [
        (
            ended("terminated", identity="fay@laptop", reason="month end"),
            'was terminated by fay@laptop ("month end")',
        ),
        (ended("terminated"), "was terminated by the server"),
        (failed("as told"), 'failed ("as told")'),
        (failed("x" * 500), f'failed ("{"x" * 200}")'),
        (ended("timed_out"), "timed out"),
        (ended("canceled"), "was cancelled"),
        (ended("completed"), "has ended"),
        (HistoryEvent(), "has ended"),
    ],
)
def test_how_it_ended_is_said(closing: HistoryEvent, words: str) -> None:
    assert _how(closing) == words
