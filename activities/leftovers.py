"""What a saga left behind that was terminated: its document is made certain before a new plan.

Terminating skips every undo. Whether the ERP holds the document of an attempt without an answer
decides whether its billing lines are posted, so it is found out, never assumed.
"""

from activities import effects as amend
from activities.ledger import EffectLedger
from activities.tenants import Tenant
from persistence import changes
from persistence.database import Database


class Leftovers:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._ledger = EffectLedger(database)

    async def settle(self, tenant: Tenant, doubtful: list[tuple[str, str]]) -> None:
        """`doubtful` is (change id, state of its document effect); none is in doubt afterwards."""
        async with self._database.statement() as raw:
            plans = [
                (state, await changes.plan(raw, tenant.name, change_id))
                for change_id, state in doubtful
            ]
        for state, kept in plans:
            if kept is None:
                continue
            document = amend.DocumentEffect(tenant, kept)
            undoing = state.startswith("compensat")
            if not undoing and await document.made() is not None:
                await self._ledger.perform(document.effect())
            else:
                await self._ledger.undo(document.effect(), document.take_back, left=document.left)
