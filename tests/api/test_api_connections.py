"""Whether a connection answers now: one reading of it, and what each kind of answer says."""

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest

from canonical_models.failures import (
    CredentialsRefused,
    Failure,
    Rejection,
    RejectionCode,
    TransientFailure,
)
from connectors.ports import BillingPort, ErpPort, TicketingPort
from operations import connections
from operations.context import AppContext
from operations.errors import Invalid, NotFound
from runtime.settings import ConnectionSettings, TenantSettings
from tests.api.seeding_books import BOOKS_FROM


class Answering:
    """A vendor that answers each reading with this, and knows whether it was closed."""

    def __init__(self, failing: Failure | None = None, *, silent: bool = False) -> None:
        self._failing = failing
        self._silent = silent
        self.closed = False
        self.asked: list[str] = []

    async def _answer(self, what: str) -> Any:
        self.asked.append(what)
        if self._silent:
            await asyncio.get_running_loop().create_future()
        if self._failing is not None:
            raise self._failing

    async def customer_page(self, *, limit: int) -> Any:
        return await self._answer(f"{limit} customer")

    async def check(self, question: Any) -> Any:
        return await self._answer(f"ledger of {question.legal_entity}")

    async def organization(self, key: str) -> Any:
        return await self._answer(f"organisation {key}")

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def tenant_settings() -> TenantSettings:
    day = BOOKS_FROM.date()
    names = {"stripe": "stripe", "tryton": "tryton", "zendesk": "zendesk", "app": "signed_http"}
    return TenantSettings(
        billing="stripe",
        erp="tryton",
        support="zendesk",
        targets=("app",),
        connections={
            name: ConnectionSettings(vendor=vendor, base_url="http://127.0.0.1:9", books_from=day)
            for name, vendor in names.items()
        },
    )


def answering(context: AppContext, vendor: Answering | None) -> AppContext:
    return replace(
        context,
        billing=lambda _tenant: cast("BillingPort | None", vendor),
        erp=lambda _tenant: cast("ErpPort | None", vendor),
        support=lambda _tenant: cast("TicketingPort | None", vendor),
    )


@pytest.mark.parametrize(
    ("name", "part", "asked"),
    [
        ("stripe", "billing", "1 customer"),
        ("tryton", "erp", "ledger of trueup-connection-test"),
        ("zendesk", "support", "organisation trueup-connection-test"),
    ],
)
async def test_each_part_is_asked_once_for_what_changes_nothing_and_is_closed(
    context: AppContext, name: str, part: str, asked: str
) -> None:
    vendor = Answering()
    told = await connections.test(answering(context, vendor), "acme", name)
    assert (told.connection, told.part, told.works, told.why) == (name, part, True, None)
    assert (vendor.asked, vendor.closed) == ([asked], True)


@pytest.mark.parametrize("name", ["stripe", "tryton", "zendesk"])
async def test_what_the_vendor_says_is_told(context: AppContext, name: str) -> None:
    # A vendor that has no such thing has answered.
    unknown = Rejection(RejectionCode.LEGAL_ENTITY_UNKNOWN, "none of that name", system=name)
    told = await connections.test(answering(context, Answering(unknown)), "acme", name)
    assert (told.works, told.why) == (True, None)
    key = CredentialsRefused("it is not ours", system=name)
    told = await connections.test(answering(context, Answering(key)), "acme", name)
    assert (told.works, told.why) == (False, "the key is refused: it is not ours")
    vendor = Answering(TransientFailure("it is away", system=name))
    told = await connections.test(answering(context, vendor), "acme", name)
    assert (told.works, told.why, vendor.closed) == (False, "it is away", True)


async def test_who_never_answers_is_not_waited_for(
    context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_PATIENCE", 0.01)
    vendor = Answering(silent=True)
    told = await connections.test(answering(context, vendor), "acme", "stripe")
    assert (told.works, told.why, vendor.closed) == (False, "no answer within 0.01 s", True)


async def test_what_cannot_be_asked_says_why(context: AppContext) -> None:
    with pytest.raises(NotFound, match="no connection of acme is called other"):
        await connections.test(context, "acme", "other")
    with pytest.raises(NotFound, match="no connection of nobody"):
        await connections.test(context, "nobody", "stripe")
    with pytest.raises(Invalid, match="by the worker alone"):
        await connections.test(context, "acme", "app")
    for name, part in (("stripe", "billing"), ("tryton", "erp"), ("zendesk", "support")):
        with pytest.raises(Invalid, match=f"plays the part of {part}"):
            await connections.test(answering(context, None), "acme", name)
