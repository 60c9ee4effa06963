"""The other systems as people use them while parts of the stack are being killed: whoever gets no
answer asks again, and what is asked of billing is asked with a key, so that it happens once."""

import asyncio
import secrets
import time
from typing import Any

import httpx

from sandbox.demo.systems import Billing, Desk, Product, System, Trueup
from sandbox.demo.world import World
from sandbox.embedded.facts import StackFacts

#: Seconds for which somebody asks again before giving up.
_PATIENCE = 90.0
_PAUSE = 0.3
_AGAIN = (502, 503, 504)


class AnswerLost(Exception):
    """It was asked for and may have happened; asking again could make it happen twice."""


async def _again(system: System, method: str, path: str, *, safe: bool, **options: Any) -> Any:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return await System.ask(system, method, path, **options)
        except httpx.ConnectError as away:
            fault: Exception = away
        except httpx.TransportError as lost:
            if not safe:
                raise AnswerLost(f"{method} {path}") from lost
            fault = lost
        except httpx.HTTPStatusError as refused:
            if refused.response.status_code not in _AGAIN:
                raise
            fault = refused
        if time.monotonic() > deadline:
            raise fault
        await asyncio.sleep(_PAUSE)


class PatientBilling(Billing):
    async def ask(self, method: str, path: str, **options: Any) -> Any:
        keyed = path.startswith("/v1/")
        if keyed and method == "POST":
            options["headers"] = {"Idempotency-Key": secrets.token_hex(16)}
        safe = keyed or method != "POST"
        return await _again(self, method, path, safe=safe, **options)


class PatientTrueup(Trueup):
    async def ask(self, method: str, path: str, **options: Any) -> Any:
        # A decision that is told twice is the same decision.
        return await _again(self, method, path, safe=True, **options)


class PatientDesk(Desk):
    async def ask(self, method: str, path: str, **options: Any) -> Any:
        return await _again(self, method, path, safe=method == "GET", **options)


class PatientProduct(Product):
    async def ask(self, method: str, path: str, **options: Any) -> Any:
        return await _again(self, method, path, safe=method == "GET", **options)


def patient(world: World, facts: StackFacts) -> World:
    """The same systems; to be closed like `world`."""
    return World(
        facts=facts,
        billing=PatientBilling(facts.stripe),
        erp=world.erp,
        desk=PatientDesk(facts.zendesk),
        trueup=PatientTrueup(facts.api),
        product=PatientProduct(facts.target),
    )
