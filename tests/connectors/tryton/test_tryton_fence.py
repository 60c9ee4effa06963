"""Only the draft that an attempt names is posted, on the real Tryton."""

import pytest

from canonical_models.failures import MayStillLand
from canonical_models.ledgering import DocumentState, ErpDocument
from connectors.attempts import Attempt
from connectors.tryton.adapter import TrytonErp
from tests.connectors.tryton.conftest import Connect
from tests.connectors.tryton.drafts import People, number_of, seats, today

pytestmark = [pytest.mark.slow, pytest.mark.erp, pytest.mark.timeout(300)]


class Falling:
    """The fence of an attempt that falls when it is asked for the nth time."""

    def __init__(self, *, at: int, made: tuple[str, ...] = ()) -> None:
        self.made, self._left = made, at

    async def held(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise MayStillLand("scripted: overtaken", system="erp", retry_after=0)

    async def making(self, made: str) -> None:
        await self.held()
        self.made = (*self.made, made)


def erp_status() -> Falling:
    return Falling(at=1000)


def states(found: tuple[ErpDocument, ...]) -> list[DocumentState]:
    return [document.state for document in found]


async def test_s1_a_draft_that_was_made_after_the_fence_fell_is_cancelled(
    books: TrytonErp,
) -> None:
    wanted = seats()
    # Asked before the draft is made, and fallen when it is to be named.
    with pytest.raises(MayStillLand):
        await books.post(wanted, attempt=Falling(at=1))

    found = await books.find(wanted.external_id, "LE-DE")
    assert states(found) == [DocumentState.CANCELLED]


async def test_s2_nothing_is_posted_after_the_fence_fell(books: TrytonErp) -> None:
    wanted = seats()
    overtaken = Falling(at=3)
    with pytest.raises(MayStillLand):
        await books.post(wanted, attempt=overtaken)
    (left,) = await books.find(wanted.external_id, "LE-DE")
    assert left.state is DocumentState.DRAFT
    assert overtaken.made == (f"account.invoice,{left.document_id}",)

    made = await books.post(wanted, attempt=erp_status())

    assert made.document_id == left.document_id


async def test_the_named_draft_is_posted_and_its_twins_are_taken_back(
    books: TrytonErp, people: People
) -> None:
    wanted = seats()
    with pytest.raises(MayStillLand):
        await books.post(wanted, attempt=Falling(at=3))
    (older,) = await books.find(wanted.external_id, "LE-DE")
    # Out of sight for a moment, as one that has not landed yet.
    await people.write(number_of(older), reference="elsewhere")
    younger = Falling(at=3)
    with pytest.raises(MayStillLand):
        await books.post(wanted, attempt=younger)
    await people.write(number_of(older), reference=f"{wanted.number} ({wanted.external_id})")
    attempt: Attempt = Falling(at=1000, made=younger.made)

    made = await books.post(wanted, attempt=attempt)

    assert younger.made == (f"account.invoice,{made.document_id}",)
    found = await books.find(wanted.external_id, "LE-DE")
    assert states(found) == [DocumentState.CANCELLED, DocumentState.POSTED]


async def test_s5_drafts_that_are_left_are_taken_back(connect: Connect, books: TrytonErp) -> None:
    wanted = seats()
    with pytest.raises(MayStillLand):
        await books.post(wanted, attempt=Falling(at=3))

    assert await connect().drop_drafts(wanted.external_id, "LE-DE") == 1
    assert await books.drop_drafts(wanted.external_id, "LE-DE") == 0

    assert states(await books.find(wanted.external_id, "LE-DE")) == [DocumentState.CANCELLED]


async def test_an_undo_whose_fence_fell_credits_nothing(books: TrytonErp) -> None:
    made = await books.post(seats(), attempt=erp_status())
    undo = f"{made.external_id}/undo"
    with pytest.raises(MayStillLand):
        await books.reverse(
            made.document_id, "LE-DE", reference=undo, on=today(), attempt=Falling(at=3)
        )
    assert not any(found.live for found in await books.find(undo, "LE-DE"))

    credit = await books.reverse(
        made.document_id, "LE-DE", reference=undo, on=today(), attempt=erp_status()
    )

    assert credit.live
    assert credit.gross == -made.gross
