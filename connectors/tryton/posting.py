"""One posted document for one external id, whatever answers were lost and whoever else tries.

Tryton has no idempotency: two invoices may carry one reference. A draft has no accounting effect
and posting goes to one id, so only the draft that the attempt names is posted
(connectors/attempts.py): it is named before, whoever tries next takes it over, and an undo cancels
it first. All other drafts of the reference are twins, and taken back.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from canonical_models.failures import MayStillLand, Rejection, RejectionCode, TransientFailure
from canonical_models.money import Money
from connectors.attempts import Attempt, newest
from connectors.tryton.agreement import rounding_rows, roundings
from connectors.tryton.client import TrytonClient
from connectors.tryton.documents import Documents
from connectors.tryton.errors import SYSTEM
from connectors.tryton.features import FeatureProbe
from connectors.tryton.held import INVOICE, Held
from connectors.tryton.mapping import Company
from connectors.tryton.numbering import Numbering
from connectors.tryton.references import by_external_id
from connectors.tryton.wanted import Key, Wanted, line_seconds

#: How often it is looked again when somebody else works on the same document.
_ROUNDS = 6


@dataclass
class Poster:
    client: TrytonClient
    documents: Documents
    probe: FeatureProbe
    numbering: Numbering
    #: By legal entity: Tryton locks its number sequence while it posts, so posting side by side
    #: only makes each other fail.
    lanes: dict[int, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def known(self, key: Key) -> tuple[Held, ...]:
        """All that carry the external id, cancelled ones included, oldest first."""
        own_field = (await self.probe.features()).external_ids
        found = await self.documents.search(
            by_external_id(key.external_id, own_field=own_field),
            what=key.what,
            company=key.company,
        )
        identity = self.documents.identity
        return tuple(held for held in found if identity(held).external_id == key.external_id)

    async def one(
        self,
        key: Key,
        build: Callable[[], Awaitable[Wanted]],
        finish: Callable[[Held], Awaitable[None]],
        attempt: Attempt,
    ) -> Held:
        """The one posted document of the key: found, finished, or made as `build` says.

        `finish` books what hangs on it, each time anew, so it has to look what is done already."""
        async with self.lanes[key.company.id]:
            for _ in range(_ROUNDS):
                if (done := await self._round(key, build, attempt)) is not None:
                    await finish(done)
                    return done
        raise TransientFailure(
            f"{key.what} is changed in the ERP by somebody else while it is posted: it is tried "
            "again",
            system=SYSTEM,
        )

    async def cancel(self, held: Held) -> bool:
        """Take a draft back; False where somebody else was faster.

        With the optional module an id is unique even among cancelled documents, so it is freed.
        """
        try:
            if held.external_id is not None:
                if held.state == "validated":
                    await self._press(held, "draft")
                await self.client.update(
                    INVOICE,
                    held.id,
                    {"external_id": None, "external_number": None},
                    ("state",),
                    what=f"document {held.reference or held.id}",
                    company=held.company,
                )
            await self._press(held, "cancel")
        except Rejection:
            return False
        return True

    async def drop_drafts(self, key: Key) -> int:
        """Take back the drafts of the key that our user has made; how many."""
        drafts = [held for held in await self.known(key) if held.draft]
        ours = [held for held in drafts if self.documents.ours(held)]
        return sum([await self.cancel(held) for held in ours])

    async def _round(
        self, key: Key, build: Callable[[], Awaitable[Wanted]], attempt: Attempt
    ) -> Held | None:
        """None where the next look will find something else."""
        known = await self.known(key)
        drafts = [held for held in known if held.draft]
        if booked := [held for held in known if held.booked]:
            for twin in drafts:
                await self.cancel(twin)
            return next((held for held in booked if held.state != "cancelled"), booked[0])
        wanted = await build()
        await attempt.held()
        same = {_name(held): held for held in drafts if not wanted.differences(held)}
        kept = same.get(newest(attempt, set(same)) or next(iter(same), ""))
        gone = [await self.cancel(held) for held in drafts if held is not kept]
        if not all(gone):
            return None
        if kept is None:
            await self._create(key, wanted, attempt)
            return None
        if newest(attempt, {_name(held) for held in known}) != _name(kept):
            await attempt.making(_name(kept))
        agreed = await self._agreed(key, kept, wanted)
        if agreed is None or not await self._post(agreed, wanted, key, attempt):
            return None
        return await self.documents.get(agreed.id, company=key.company)

    async def _create(self, key: Key, wanted: Wanted, attempt: Attempt) -> None:
        values = {
            "type": "out",
            "company": key.company.id,
            **wanted.header.values(),
            "lines": [
                [
                    "create",
                    [line.values(key.company, wanted.header.currency) for line in wanted.lines],
                ]
            ],
        }
        if (await self.probe.features()).external_ids:
            values["external_id"] = key.external_id
        try:
            row = await self.client.create(
                INVOICE,
                values,
                await self.documents.fields(),
                what=key.what,
                company=key.company.id,
                more_seconds=line_seconds(len(wanted.lines)),
            )
        except Rejection:
            # With the optional module the ERP itself refuses a twin.
            if any(held.draft or held.booked for held in await self.known(key)):
                return
            await wanted.explain()
            raise
        made = self.documents.held(row)
        try:
            await attempt.making(_name(made))
        except MayStillLand:
            # Another attempt, or an undo, has begun, and does not know of this one.
            await self.cancel(made)
            raise
        if differing := wanted.differences(made):
            await self.cancel(made)
            raise Rejection(
                RejectionCode.DOCUMENT_REFUSED,
                f"the ERP makes {key.what} otherwise than it was asked to ({', '.join(differing)});"
                " the draft is cancelled and nothing posted: look for what changes invoices there",
                system=SYSTEM,
                subject=key.external_id,
            )

    async def _agreed(self, key: Key, held: Held, wanted: Wanted) -> Held | None:
        """The draft with billing's taxes; None where somebody has changed it meanwhile."""
        missing = await self._missing(key, held, wanted)
        if not missing:
            return held
        try:
            if held.state == "validated":
                await self._press(held, "draft")
                return None
            # REST knows no such guard: of two who add the row at once one has to lose.
            await self.client.rpc(
                f"model.{INVOICE}.write",
                [held.id],
                {"taxes": [["create", rounding_rows(held, missing, wanted.taxes)]]},
                what=f"the taxes of {key.what}",
                company=key.company.id,
                context={"_timestamp": {f"{INVOICE},{held.id}": held.timestamp}},
                writes=True,
            )
        except (Rejection, TransientFailure):
            now = await self.documents.get(held.id, company=key.company)
            if now.timestamp == held.timestamp:
                raise
            return None
        again = await self.documents.get(held.id, company=key.company)
        if await self._missing(key, again, wanted):
            await self.cancel(again)
            raise Rejection(
                RejectionCode.TAX_MISMATCH,
                f"the ERP does not keep billing's tax on {key.what}; the draft is cancelled and "
                "nothing posted: look for what recomputes taxes there",
                system=SYSTEM,
                subject=key.external_id,
            )
        return again

    async def _missing(self, key: Key, held: Held, wanted: Wanted) -> dict[int, Money]:
        try:
            return roundings(
                held, wanted.nets, wanted.targets, wanted.taxes, key.what, limit=wanted.limit
            )
        except Rejection:
            await self.cancel(held)
            raise

    async def _post(self, held: Held, wanted: Wanted, key: Key, attempt: Attempt) -> bool:
        """False where it has to be looked again. Validating first takes the long part out of the
        time for which Tryton locks its number sequence, and halves the whole."""
        try:
            if held.state == "draft":
                await self._press(held, "validate_invoice", answered=wanted.answered)
            await attempt.held()
            await self._press(held, "post", answered=wanted.answered)
        except Rejection:
            now = next((other for other in await self.known(key) if other.id == held.id), None)
            if now is not None and now.booked:
                return True
            # Somebody else presses the same buttons, or has taken the draft back.
            if now is None or not now.draft or now.state != held.state:
                return False
            if await self._overtaken(wanted, key.company):
                return False
            # Tryton says no in words for people. What it means is found by asking again; if all
            # is in order, its words stand.
            await wanted.explain()
            raise
        return True

    async def _overtaken(self, wanted: Wanted, company: Company) -> bool:
        """Whether a later date has been numbered since."""
        if wanted.header.number is not None:
            return False
        last = await self.numbering.last_date(
            wanted.header.accounting_date, company, credit=wanted.credit
        )
        return last is not None and last > wanted.header.invoice_date

    async def _press(
        self, held: Held, button: str, *, answered: frozenset[str] = frozenset()
    ) -> None:
        """By JSON-RPC: what is refused there REST answers as if our rights had ended."""
        await self.client.rpc(
            f"model.{INVOICE}.{button}",
            [held.id],
            what=f"document {held.reference or held.id}",
            company=held.company,
            writes=True,
            answered=answered,
            more_seconds=line_seconds(len(held.lines)),
        )


def _name(held: Held) -> str:
    """As the attempt names it: in Tryton's own way of naming a record."""
    return f"{INVOICE},{held.id}"
