"""Moves in Tryton that carry our reference: found, and entered exactly once.

Tryton has no idempotency of its own. So a move is looked for before it is made and again
afterwards; of drafts only the one that the attempt names is posted (connectors/attempts.py), and
the others are deleted. With the optional module the reference stands in the move's unique
`external_id`, so that Tryton itself refuses a second one; without, it is how the move's description
begins, which it always does.
A draft that says something else than is wanted now is made anew, and none of ours is left behind,
for Tryton would reconcile it like a posted one.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from canonical_models.failures import (
    CredentialsRefused,
    MayStillLand,
    Rejection,
    TransientFailure,
)
from connectors.attempts import Attempt, newest
from connectors.tryton.client import TrytonClient
from connectors.tryton.deposit_plan import DepositPlan
from connectors.tryton.entries import ENTRY_FIELDS, Move, described
from connectors.tryton.errors import SYSTEM
from connectors.tryton.features import FeatureProbe
from connectors.tryton.mapping import Company, parsed
from connectors.tryton.plan import Plan
from connectors.tryton.references import literal
from connectors.tryton.settlement import REFUSED, Settlement

MOVE = "account.move"

#: What a move is to be, and whether a draft is that.
Wanted = Plan | DepositPlan

#: How often a move is tried that others enter, delete or post at the same time.
_TRIES = 4


class Movements:
    def __init__(
        self, client: TrytonClient, settlement: Settlement, features: FeatureProbe
    ) -> None:
        self._client, self._settlement, self._features = client, settlement, features

    async def of(self, reference: str, company: Company) -> tuple[Move, ...]:
        """All of the reference, drafts of ours too, oldest first; what cancels one is none."""
        mine = described(reference)
        if (await self._features.features()).external_ids:
            mine.append(["external_id", "=", reference])
        return await self._found(mine, reference, company)

    async def beneath(self, reference: str, company: Company) -> tuple[Move, ...]:
        """Those of which the reference is the first part, as of a refund that notes share."""
        mine: list[object] = ["description", "like", f"{literal(reference)}/%"]
        return await self._found(mine, reference, company)

    async def _found(
        self, domain: list[object], reference: str, company: Company
    ) -> tuple[Move, ...]:
        rows = await self._client.search(
            MOVE,
            [domain, ["company", "=", company.id], ["origin", "=", None]],
            await self._fields(),
            what=f"movements of {reference}",
            company=company.id,
        )
        found = (parsed(Move, row, "move") for row in rows)
        return tuple(move for move in found if move.counts(self._client.login))

    async def posted(self, reference: str, company: Company) -> Move | None:
        """The one that counts."""
        found = await self.of(reference, company)
        return next((move for move in found if move.posted), None)

    async def cancelled(self, moves: Sequence[Move], company: Company) -> set[int]:
        """Which of these moves somebody has cancelled, by their ids."""
        if not moves:
            return set()
        rows = await self._client.search(
            MOVE,
            [["origin", "in", [f"{MOVE},{move.id}" for move in moves]], ["state", "=", "posted"]],
            ("origin",),
            what="moves that are cancelled",
            company=company.id,
        )
        return {int(str(row["origin"]).partition(",")[2]) for row in rows}

    async def entered(
        self,
        reference: str,
        company: Company,
        plan: Callable[[], Awaitable[Wanted]],
        attempt: Attempt,
    ) -> Move:
        """The one posted move of the reference: found, finished or made."""
        refused: Exception | None = None
        for _ in range(_TRIES):
            known = await self.of(reference, company)
            if posted := next((move for move in known if move.posted), None):
                await self._delete([move for move in known if not move.posted], company)
                return posted
            if refused is not None and not known:
                break
            try:
                wanted = await plan()
            except Rejection:
                await self._clear(known, company)
                raise
            try:
                return await self._one(known, wanted, company, attempt)
            except (Rejection, CredentialsRefused) as error:
                # Others may have entered, deleted or posted it in between.
                refused = error
        known = await self.of(reference, company)
        if posted := next((move for move in known if move.posted), None):
            return posted
        await self._clear(known, company)
        # What the ERP's words mean is found by asking for all that is needed; else they stand.
        await plan()
        raise refused or _vanished(reference)

    async def drop_drafts(self, reference: str, company: Company) -> int:
        """Delete the drafts of the reference that our user has made; how many."""
        drafts = [move for move in await self.of(reference, company) if not move.posted]
        await self._delete(drafts, company)
        return len(drafts)

    async def _one(
        self, known: tuple[Move, ...], wanted: Wanted, company: Company, attempt: Attempt
    ) -> Move:
        await attempt.held()
        drafts = await self._alike(known, wanted, company)
        if not drafts:
            await self._create(wanted, company, attempt)
            known = await self.of(wanted.reference, company)
            if posted := next((move for move in known if move.posted), None):
                await self._delete([move for move in known if not move.posted], company)
                return posted
            drafts = await self._alike(known, wanted, company)
        if not drafts:
            raise _vanished(wanted.reference)
        by_name = {_name(move.id): move for move in drafts}
        name = newest(attempt, set(by_name)) or next(iter(by_name))
        kept = by_name.pop(name)
        await self._delete(list(by_name.values()), company)
        if newest(attempt, {_name(move.id) for move in known}) != name:
            await attempt.making(name)
        documents = await self._settlement.of_lines(kept.named, company)
        await self._settlement.reopen(kept, documents, company)
        await attempt.held()
        row = await self._client.act(
            MOVE,
            str(kept.id),
            "post",
            await self._fields(),
            what=f"movement {wanted.reference}",
            company=company.id,
            refused=REFUSED,
        )
        return parsed(Move, row, "move")

    async def _create(self, wanted: Wanted, company: Company, attempt: Attempt) -> None:
        row = await self._client.create(
            MOVE,
            wanted.values(with_external_id=(await self._features.features()).external_ids),
            ("state",),
            what=f"movement {wanted.reference}",
            company=company.id,
            refused=REFUSED,
        )
        made = int(row["id"])
        try:
            await attempt.making(_name(made))
        except MayStillLand:
            # Another attempt, or an undo, has begun, and does not know of this one.
            with suppress(Rejection, CredentialsRefused):
                await self._delete_one(made, f"movement {wanted.reference}", company)
            raise

    async def _alike(self, drafts: Sequence[Move], wanted: Wanted, company: Company) -> list[Move]:
        """Those that say what is wanted; the others are deleted."""
        await self._delete([move for move in drafts if not wanted.says(move)], company)
        return [move for move in drafts if wanted.says(move)]

    async def _clear(self, drafts: Sequence[Move], company: Company) -> None:
        """As far as the ERP lets us: what it refuses here is not what went wrong."""
        with suppress(Rejection, CredentialsRefused):
            await self._delete(drafts, company)

    async def _delete(self, drafts: Sequence[Move], company: Company) -> None:
        for move in drafts:
            await self._delete_one(move.id, f"movement {move.description}", company)

    async def _delete_one(self, move: int, what: str, company: Company) -> None:
        await self._client.delete(
            MOVE, move, what=f"a draft of {what}", company=company.id, refused=REFUSED
        )

    async def _fields(self) -> tuple[str, ...]:
        return (
            (*ENTRY_FIELDS, "external_id")
            if (await self._features.features()).external_ids
            else ENTRY_FIELDS
        )


def _name(move: int) -> str:
    """As the attempt names it: in Tryton's own way of naming a record."""
    return f"{MOVE},{move}"


def _vanished(reference: str) -> TransientFailure:
    return TransientFailure(
        f"movement {reference} was deleted from the ERP as soon as it was made: it is tried again",
        system=SYSTEM,
    )
