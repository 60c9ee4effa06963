"""A worker process for measurements: the real worker, vendors of benchmarks.vendors.

    python -m benchmarks.saga_worker ADDRESS DSN QUEUE [--seconds S] [--shelf FOLDER]

Says `{"ready": true}` on stdout once it polls; ends with its stdin.
"""

import argparse
import asyncio
import sys
from pathlib import Path

import structlog
import uvloop
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.plugin import SimplePlugin

from benchmarks.in_a_row import InARowSteps
from benchmarks.in_a_row_workflow import InARow
from benchmarks.vendors import Folder, Memory, Wire, tenant
from persistence.database import Database
from worker import make_worker


async def work(given: argparse.Namespace) -> None:
    shelf = Folder(given.shelf) if given.shelf else Memory()
    known = {"acme": tenant(shelf, Wire(given.seconds))}
    database = Database(given.dsn, ping=False)
    row = InARowSteps(database, known)
    comparison = SimplePlugin(
        "comparison",
        workflows=[InARow],
        activities=[
            row.load,
            row.preflight,
            row.plan,
            row.grants,
            row.support,
            row.verify,
            row.write_back,
        ],
    )
    client = await Client.connect(
        given.address, data_converter=pydantic_data_converter, plugins=[comparison]
    )
    async with make_worker(client, given.queue, database, known):
        print('{"ready": true}', flush=True)
        await asyncio.to_thread(sys.stdin.read)
    await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("dsn")
    parser.add_argument("queue")
    parser.add_argument("--seconds", type=float, default=0, help="how long a vendor's call takes")
    parser.add_argument("--shelf", type=Path, help="what the vendors keep, shared by processes")
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    uvloop.run(work(parser.parse_args()))


if __name__ == "__main__":
    main()
