"""What is told of each effect of the ledger: one line of the log, and one span of its trace."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic

import structlog

from activities.effect import Effect, Result
from connectors import spans

log = structlog.get_logger()


@dataclass
class Outcome(Generic[Result]):
    """`reference` is what it is called in the other system."""

    effect: Effect[Result]
    reference: str | None = None

    def stands(self, result: Result) -> Result:
        self.reference = self.effect.named(result)[0]
        return result


@contextmanager
def told(effect: Effect[Result], *, undo: bool = False) -> Iterator[Outcome[Result]]:
    """Around carrying it out, or undoing it. What goes wrong is told by its kind: the ledger has
    the words."""
    outcome, began, word = Outcome(effect), time.perf_counter(), "done"
    named = f"undo {effect.operation}" if undo else effect.operation
    with spans.span(
        named,
        tenant=effect.tenant,
        change_id=effect.change_id,
        effect=effect.key,
        system=effect.system,
        operation=effect.operation,
    ) as span:
        try:
            yield outcome
        except BaseException as fault:
            word = type(fault).__name__
            raise
        finally:
            if outcome.reference is not None:
                span.set_attribute("trueup.reference", outcome.reference)
            log.info(
                "effect",
                tenant=effect.tenant,
                change_id=effect.change_id,
                effect=effect.key,
                system=effect.system,
                operation=named,
                outcome=word,
                reference=outcome.reference,
                seconds=round(time.perf_counter() - began, 3),
            )
