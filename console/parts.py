"""A part of a page that cannot be made does not take the page."""

from collections.abc import Awaitable
from typing import TypeVar

import structlog

from operations.errors import NO_DATABASE

log = structlog.get_logger()
T = TypeVar("T")


async def part(name: str, reading: Awaitable[T]) -> T | None:
    """What it reads; None where the database does not answer in time: the page has all else, and
    says so where it would stand."""
    try:
        return await reading
    except NO_DATABASE as fault:
        log.warning("part of a page not made", part=name, error=type(fault).__name__)
        return None
