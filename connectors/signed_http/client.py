"""The two requests that a target takes. Answers come out checked, refusals as failures."""

from typing import TypeVar
from uuid import uuid4

import httpx

from canonical_models.entitlement import CustomerEntitlements
from connectors.http import VendorHttp
from connectors.refusals import RequestContext, contract
from connectors.signed_http import SYSTEM
from connectors.signed_http.errors import failure, word_of
from connectors.signed_http.mapping import body_of, message_id, path_of
from connectors.signed_http.wire import Held, Receipt
from connectors.signing import Signer

Answer = TypeVar("Answer", bound=Receipt)

#: It is kept; it is kept and new; a newer one is held. All three say what is held now.
_TAKEN = frozenset({200, 201, 409})


class SignedHttpClient:
    """The calls of one connection. Every method raises the failures of `errors.REFUSALS`."""

    def __init__(self, http: VendorHttp, signer: Signer, connection: str) -> None:
        self._http = http
        self._signer = signer
        self._connection = connection

    async def put(self, entitled: CustomerEntitlements) -> Receipt:
        """Tells the target all of a customer's entitlements."""
        body = body_of(entitled)
        answer = await self._http.send(
            "PUT",
            path_of(entitled.customer_id),
            writes=True,
            headers={
                "Content-Type": "application/json",
                **self._signer.headers(message_id(body), body),
            },
            content=body,
        )
        context = RequestContext(
            "keep the entitlements of", self._connection, entitled.customer_id, writes=True
        )
        if answer.status_code not in _TAKEN:
            raise failure(answer, context)
        return self._read(Receipt, answer, context)

    async def get(self, customer_id: str) -> Held | None:
        """None for a customer that the target does not know."""
        # Each look is a message of its own, so that a target may refuse one that is replayed.
        headers = self._signer.headers(f"look_{uuid4().hex}", b"")
        answer = await self._http.send("GET", path_of(customer_id), headers=headers)
        context = RequestContext("tell what it holds of", self._connection, customer_id)
        match answer.status_code:
            case 200:
                return self._read(Held, answer, context)
            case 404 if word_of(answer) is not None:
                return None
            case _:
                raise failure(answer, context)

    async def close(self) -> None:
        await self._http.close()

    def _read(self, shape: type[Answer], answer: httpx.Response, context: RequestContext) -> Answer:
        named = f"the answer of the target {context.connection!r}"
        asked = f"{context.words} {context.subject}"
        must = f"it must answer with {', '.join(shape.model_fields)}; mend it there, then retry"
        with contract(named, SYSTEM, asked, must):
            # As JSON: a time or a list is not what strictness takes from Python.
            self._http.decode(answer)
            return shape.model_validate_json(answer.content)
