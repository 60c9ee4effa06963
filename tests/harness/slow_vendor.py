"""A vendor without uniqueness whose requests are carried out, answered and lost one by one, as a
test says; and two adapters of it: one with draft and final, one with a single request."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from canonical_models.base import Canonical
from canonical_models.failures import (
    Failure,
    MayStillLand,
    Rejection,
    RejectionCode,
    TransientFailure,
    UncertainWrite,
)
from connectors.attempts import Attempt, newest

REFERENCE = "in_1"


class Made(Canonical):
    """A document of the vendor. `state` is draft, posted, cancelled or credited."""

    number: int
    state: str


@dataclass
class Request:
    """One that was sent. `landed` once it was carried out; nobody waits where it was `lost`."""

    name: str
    writes: bool
    act: Callable[[], object]
    answer: asyncio.Future[object]
    landed: bool = False
    outcome: object = None

    def land(self) -> None:
        """Carried out; once."""
        if self.landed:
            return
        self.landed = True
        try:
            self.outcome = self.act()
        except Rejection as refused:
            self.outcome = refused

    def tell(self) -> None:
        self.land()
        if isinstance(self.outcome, Exception):
            self.answer.set_exception(self.outcome)
        else:
            self.answer.set_result(self.outcome)

    def fail(self, failure: Failure) -> None:
        self.answer.set_exception(failure)


@dataclass
class Vendor:
    documents: dict[int, str] = field(default_factory=dict)
    sent: list[Request] = field(default_factory=list)

    def live(self) -> list[int]:
        return [number for number, state in self.documents.items() if state == "posted"]

    def drafts(self) -> list[int]:
        return [number for number, state in self.documents.items() if state == "draft"]

    async def ask(self, name: str, act: Callable[[], object], *, writes: bool = True) -> object:
        future = asyncio.get_running_loop().create_future()
        request = Request(name, writes, act, future)
        self.sent.append(request)
        return await future

    def time_passes(self) -> None:
        """Nothing that was sent lands any more; who waits for it hears nothing."""
        for request in self.sent:
            if not request.answer.done():
                request.fail(unanswered(request))
        self.sent.clear()

    def make(self, state: str) -> int:
        number = len(self.documents) + 1
        self.documents[number] = state
        return number

    def turn(self, number: int, before: str, after: str) -> None:
        if self.documents[number] != before:
            raise Rejection(
                RejectionCode.DOCUMENT_REFUSED, f"{number} is no {before}", system="erp"
            )
        self.documents[number] = after

    async def post(self, number: int) -> None:
        await self.ask("post", lambda: self.turn(number, "draft", "posted"))

    async def find(self) -> dict[int, str]:
        found = await self.ask("find", lambda: dict(self.documents), writes=False)
        assert isinstance(found, dict)
        return found

    async def credit(self, made: Made, attempt: Attempt) -> Made:
        """Undo of a draft or of a posted document; may be repeated."""

        def act() -> Made:
            before = self.documents[made.number]
            after = {"draft": "cancelled", "posted": "credited"}.get(before, before)
            self.documents[made.number] = after
            return Made(number=made.number, state=after)

        del attempt
        done = await self.ask("credit", act)
        assert isinstance(done, Made)
        return done


@dataclass
class DraftAndFinal:
    """As the ERP's adapter (connectors/tryton/posting.py), over a vendor that can do less."""

    vendor: Vendor

    async def probe(self) -> Made | None:
        posted = [n for n, state in (await self.vendor.find()).items() if state == "posted"]
        return Made(number=posted[0], state="posted") if posted else None

    async def left(self) -> tuple[Made, ...]:
        found = await self.vendor.find()
        return tuple(
            Made(number=number, state=state)
            for number, state in found.items()
            if state in ("draft", "posted")
        )

    async def write(self, attempt: Attempt) -> Made:
        for _ in range(6):
            known = await self.vendor.find()
            drafts = {str(number) for number, state in known.items() if state == "draft"}
            if posted := [number for number, state in known.items() if state == "posted"]:
                for twin in drafts:
                    await self._cancel(int(twin))
                return Made(number=posted[0], state="posted")
            await attempt.held()
            kept = newest(attempt, drafts) or min(drafts, key=int, default=None)
            for twin in drafts - {kept}:
                await self._cancel(int(twin))
            if kept is None:
                await self._create(attempt)
                continue
            if newest(attempt, {str(number) for number in known}) != kept:
                await attempt.making(kept)
            await attempt.held()
            number = int(kept)
            try:
                await self.vendor.post(number)
            except Rejection:
                continue
            return Made(number=number, state="posted")
        raise TransientFailure("somebody else changes it", system="erp", retry_after=0)

    async def _create(self, attempt: Attempt) -> None:
        made = await self.vendor.ask("create", lambda: self.vendor.make("draft"))
        assert isinstance(made, int)
        try:
            await attempt.making(str(made))
        except MayStillLand:
            await self._cancel(made)
            raise

    async def _cancel(self, number: int) -> None:
        try:
            await self.vendor.ask("cancel", lambda: self.vendor.turn(number, "draft", "cancelled"))
        except Rejection:
            return


@dataclass
class OneRequest:
    """Makes a document that counts at once, and has no key to tell a repetition by."""

    vendor: Vendor

    async def probe(self) -> Made | None:
        posted = [n for n, state in (await self.vendor.find()).items() if state == "posted"]
        return Made(number=posted[0], state="posted") if posted else None

    async def left(self) -> tuple[Made, ...]:
        found = await self.vendor.find()
        return tuple(Made(number=n, state=s) for n, s in found.items() if s == "posted")

    async def write(self, attempt: Attempt) -> Made:
        del attempt
        made = await self.vendor.ask("create", lambda: self.vendor.make("posted"))
        assert isinstance(made, int)
        return Made(number=made, state="posted")


def unanswered(request: Request) -> Failure:
    if request.writes:
        return UncertainWrite(f"no answer to {request.name}", system="erp")
    return TransientFailure(f"no answer to {request.name}", system="erp", retry_after=0)
