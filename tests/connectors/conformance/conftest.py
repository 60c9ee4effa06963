"""Systems that are started once, when a test first asks for them, for all tests of a worker."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from tests.connectors.conformance.describing import System
from tests.connectors.conformance.erp import ErpSystem
from tests.connectors.conformance.systems import SYSTEMS

Start = Callable[[str], Awaitable[System]]


@pytest.fixture(scope="session")
async def start(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Start]:
    """`await start("stripe")`: the description of the running system."""
    running: dict[str, System] = {}
    async with AsyncExitStack() as stack:

        async def started(name: str) -> System:
            if name not in running:
                folder = tmp_path_factory.mktemp(name)
                made = SYSTEMS[name].started(folder)
                running[name] = await stack.enter_async_context(made)
                if isinstance(system := running[name], ErpSystem):
                    stack.push_async_callback(system.close)
            return running[name]

        yield started
