"""Words of vendors' lists that nothing depends on: read on, and noted where somebody notes."""

import asyncio
from typing import Annotated

import pytest
from pydantic import BaseModel

from connectors.contracts import Contract, watched
from connectors.misfits import reading
from connectors.noting import Noted, noting
from connectors.words import known, note


class Price(BaseModel):
    scheme: Annotated[str | None, known("scheme", ("flat", "tiered"), "not shown")] = None


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("by_moon", "`by_moon`"),
        # What may be somebody's name, or opens something, is not repeated.
        ("Ada Lovelace", "text"),
        ("a" * 41, "text"),
    ],
)
def test_a_word_that_is_not_known_is_read_and_noted(word: str, shown: str) -> None:
    reading("GET /v1/prices/*")
    with noting() as found:
        for told in (word, word, "flat", None):
            assert Price(scheme=told).scheme == told
    change = f"is {shown} now, which is not known: not shown"
    assert found == [Noted("GET /v1/prices/*", "$..scheme", change)]


def test_where_nobody_notes_it_is_read_all_the_same() -> None:
    assert Price(scheme="by_moon").scheme == "by_moon"


def test_what_is_noted_of_one_answer_is_bounded() -> None:
    with noting() as found:
        for number in range(50):
            Price(scheme=f"kind_{number}")
    assert len(found) == 20


async def test_what_reads_side_by_side_is_noted_by_its_own_call_also_of_one_that_fails() -> None:
    class Port:
        async def read(self, key: str) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.part(key))
            if key == "b":
                raise ValueError(key)

        async def part(self, key: str) -> None:
            await asyncio.sleep(0)
            note("kind", key, "read as nothing", operation="GET /things")

        async def close(self) -> None:
            return None

    one, other = Contract("one"), Contract("other")
    await asyncio.gather(
        watched(Port(), one).read("a"),
        watched(Port(), other).read("b"),
        watched(Port(), other).read("c"),
        return_exceptions=True,
    )
    assert {each.change[4] for each in one.noted} == {"a"}
    assert {each.change[4] for each in other.noted} == {"b", "c"}
    assert one.take()[2]
    assert not one.has_news
