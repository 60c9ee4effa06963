"""The one handle to the database that is passed around."""

from typing import Any

from psycopg import AsyncConnection

Connection = AsyncConnection[tuple[Any, ...]]
