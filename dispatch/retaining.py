"""Drops, once an hour, what is older than the policy keeps."""

import asyncio

import psycopg
import structlog

from persistence import kept_answers, retention
from persistence.database import Database
from runtime.settings import RetentionSettings

log = structlog.get_logger()

_EVERY_S = 3600.0


async def retaining(database: Database, settings: RetentionSettings) -> None:
    """Until cancelled; first at once. A fault of the database puts it off."""
    days = {name.removesuffix("_days"): age for name, age in settings.model_dump().items()}
    while True:
        try:
            dropped = await retention.drop(database, days)
            async with database.transaction() as conn:
                dropped["kept_answers"] = await kept_answers.drop_expired(conn)
            if any(dropped.values()):
                log.info("dropped by the retention policy", **dropped)
        except (psycopg.Error, OSError) as fault:
            log.warning("retention put off", error=type(fault).__name__)
        await asyncio.sleep(_EVERY_S)
