"""The two requests that a target takes. Answers come out checked, refusals as failures."""

from typing import TypeVar
from uuid import uuid4

import httpx
from pydantic import ValidationError

from canonical_models.entitlement import CustomerEntitlements
from canonical_models.failures import ContractDrift
from connectors.http import VendorHttp
from connectors.signed_http import SYSTEM
from connectors.signed_http.errors import Errand, failure
from connectors.signed_http.mapping import body_of, message_id, path_of
from connectors.signed_http.signing import Signer
from connectors.signed_http.wire import Held, Receipt, fault_of

Answer = TypeVar("Answer", bound=Receipt)

#: It is kept; it is kept and new; a newer one is held. All three say what is held now.
_TAKEN = frozenset({200, 201, 409})


class SignedHttpClient:
    """The calls of one connection. Every method raises the failures of `errors.TABLE`."""

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
        errand = Errand(
            "keep the entitlements of", entitled.customer_id, self._connection, writes=True
        )
        if answer.status_code not in _TAKEN:
            raise failure(answer, errand)
        return self._read(Receipt, answer, errand)

    async def get(self, customer_id: str) -> Held | None:
        """None for a customer that the target does not know."""
        # Each look is a message of its own, so that a target may refuse one that is replayed.
        headers = self._signer.headers(f"look_{uuid4().hex}", b"")
        answer = await self._http.send("GET", path_of(customer_id), headers=headers)
        errand = Errand("tell what it holds of", customer_id, self._connection)
        match answer.status_code:
            case 200:
                return self._read(Held, answer, errand)
            case 404:
                return None
            case _:
                raise failure(answer, errand)

    async def close(self) -> None:
        await self._http.close()

    def _read(self, shape: type[Answer], answer: httpx.Response, errand: Errand) -> Answer:
        try:
            # As JSON: a time or a list is not what strictness takes from Python.
            self._http.decode(answer)
            return shape.model_validate_json(answer.content)
        except ValidationError as error:
            path, reason = fault_of(error)
            raise ContractDrift(
                f"the answer of the target {errand.connection!r} does not fit its contract at "
                f"{path} ({reason}) when asked to {errand.words} {errand.customer_id}: it must "
                f"answer with {', '.join(shape.model_fields)}; mend it there, then retry",
                system=SYSTEM,
                payload_path=path,
            ) from None
