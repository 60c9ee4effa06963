"""A question of acme that waits for the yes of two people of finance."""

from canonical_models.acts import Role
from canonical_models.approvals import ApprovalAsked, Need, Occasion
from persistence import approvals
from persistence.database import Database
from tests.api.seeding import Ids, exception_row
from tests.harness.rows import add

ASKED = ApprovalAsked(
    content="c" * 64,
    needs=(
        Need(
            occasion=Occasion.CREDIT,
            why="credits 80.00 EUR, more than 20 EUR",
            roles=(Role.FINANCE,),
            people=2,
        ),
    ),
)


async def asks_for_a_yes(database: Database, acme: Ids) -> None:
    """As `exc_yes`."""
    async with database.transaction() as conn:
        row = exception_row(
            acme, "exc_yes", "waits", code="approval_needed", subject=acme.invoice, track="access"
        )
        await add(conn, row)
        await approvals.ask(conn, "acme", acme.invoice, ASKED)
