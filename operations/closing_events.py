"""What is published when a month is closed, and when it is open again."""

from canonical_models.closing import CloseReport, PeriodView, Reopened
from canonical_models.events import PeriodClosed, PeriodReopened, event
from persistence import outbox
from persistence.closing import Month
from persistence.connection import Connection


async def closed(conn: Connection, month: Month, close_id: str, report: CloseReport) -> None:
    told = PeriodClosed(
        legal_entity=month.legal_entity,
        period=month.period,
        close_id=close_id,
        version=report.version,
        digest=report.digest,
        by=report.closed_by,
        at=report.closed_at,
    )
    of = event(month.tenant, "period.closed.v1", key=close_id, subject=month.about, data=told)
    await outbox.publish(conn, month.tenant, [of])


async def reopened(conn: Connection, month: Month, view: PeriodView, said: Reopened) -> None:
    """`view` is the month as it stands then: it names the report by which it was closed, once for
    each time."""
    close_id = view.close_id
    if close_id is None:
        raise AssertionError(f"{month.about} was closed by a report")
    told = PeriodReopened(
        legal_entity=month.legal_entity,
        period=month.period,
        close_id=close_id,
        version=view.version,
        by=said.by,
        reason=said.reason,
        at=said.at,
    )
    of = event(month.tenant, "period.reopened.v1", key=close_id, subject=month.about, data=told)
    await outbox.publish(conn, month.tenant, [of])
