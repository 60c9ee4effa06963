"""One seeded ERP for all tests of this folder, and the two ways into it as the connector's user."""

import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from sandbox.erp.instance import ErpInstance
from tests.erp.clerk import Clerk
from tests.erp.rest import Rest
from tests.harness.erp import Books, books_of, erp, erp_cache, erp_with_module

__all__ = ["erp", "erp_cache", "erp_with_module"]

MakeRest = Callable[[str], Rest]


@pytest.fixture
async def rest(erp: ErpInstance) -> AsyncIterator[MakeRest]:
    """Makes a REST client in the context of the company with the given code."""
    async with _clients(erp) as make:
        yield make


@pytest.fixture
async def rest_with_module(erp_with_module: ErpInstance) -> AsyncIterator[MakeRest]:
    """The same for the ERP that has the optional module."""
    async with _clients(erp_with_module) as make:
        yield make


@pytest.fixture
async def clerk(erp: ErpInstance) -> AsyncIterator[Clerk]:
    """A session of the connector's user, by JSON-RPC."""
    async with Clerk.of(erp) as session:
        yield session


@pytest.fixture
async def books(erp: ErpInstance) -> AsyncIterator[Books]:
    """What is booked, as the administrator sees it."""
    async with books_of(erp) as reader:
        yield reader


@contextlib.asynccontextmanager
async def _clients(erp: ErpInstance) -> AsyncIterator[MakeRest]:
    async with contextlib.AsyncExitStack() as stack:

        def make(company: str) -> Rest:
            client = Rest(erp, company)
            stack.push_async_callback(client.http.aclose)
            return client

        yield make
