"""The API for `benchmarks.entitlements`, without Temporal: checks do not need it."""

import sys

from temporalio.client import Client

from benchmarks.serving import serve
from operations.context import AppContext
from operations.engine import Engine
from persistence.database import Database
from starter_api.app import create_app


async def _no_engine() -> Client:
    raise RuntimeError("there is no Temporal here")


def main() -> None:
    (dsn,) = sys.argv[1:]
    context = AppContext(Database(dsn), Engine(_no_engine, namespace="default"))
    serve(create_app(dsn=dsn, connections={}, context=context))


if __name__ == "__main__":
    main()
