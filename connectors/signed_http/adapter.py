"""A signed HTTP target behind the entitlement port."""

from typing import Self

import httpx
from pydantic import TypeAdapter, ValidationError

from canonical_models.base import Identifier
from canonical_models.entitlement import CustomerEntitlements, TargetHeld, TargetReceipt
from canonical_models.failures import Rejection, RejectionCode
from connectors.config import ConnectionConfig
from connectors.governor import Governor
from connectors.http import Closing, Observer, VendorHttp
from connectors.signed_http import SYSTEM
from connectors.signed_http.client import SignedHttpClient
from connectors.signed_http.mapping import held_of, receipt_of
from connectors.signing import Signer

_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)


class SignedHttpTarget(Closing):
    """An `EntitlementTarget`. The target keeps the highest revision of each customer."""

    def __init__(self, client: SignedHttpClient) -> None:
        self._client = client

    @classmethod
    def connect(
        cls,
        config: ConnectionConfig,
        *,
        observe: Observer | None = None,
        governor: Governor | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Self:
        """An adapter with a connection pool of its own; close it.

        Raises KeyError without the secret `signing_secret`, ValueError for one that does not
        fit, for an address that paths cannot be added to, and for options: there are none.
        """
        signer = signer_of(config)
        http = VendorHttp(
            SYSTEM,
            config.base_url,
            headers={"Accept": "application/json"},
            timeout_seconds=config.timeout_seconds,
            observe=observe,
            governor=governor,
            transport=transport,
        )
        return cls(SignedHttpClient(http, signer, config.name))

    async def publish(self, entitled: CustomerEntitlements) -> TargetReceipt:
        """See `EntitlementTarget`. Raises ContractDrift for a target that says that it holds an
        older revision than it was told."""
        answered = await self._client.put(entitled)
        return receipt_of(answered, entitled.customer_id, at_least=entitled.revision)

    async def held(self, customer_id: str) -> TargetHeld:
        """See `EntitlementTarget`."""
        try:
            _IDENTIFIER.validate_python(customer_id)
        except ValidationError:
            raise Rejection(
                RejectionCode.TARGET_REFUSED,
                f"{customer_id[:80]!r} cannot be the id of a customer, so no target knows it: "
                "correct the id, then retry",
                system=SYSTEM,
                subject=customer_id[:255],
            ) from None
        answered = await self._client.get(customer_id)
        if answered is None:
            return TargetHeld(customer_id=customer_id, revision=0)
        return held_of(answered, customer_id)

    async def close(self) -> None:
        await self._client.close()


def signer_of(config: ConnectionConfig) -> Signer:
    """Raises as `SignedHttpTarget.connect` does."""
    if not _takes_paths(config.base_url):
        raise ValueError(
            f"connection {config.name!r} ({config.vendor}): base_url must be https:// or "
            "http:// and a host, and have neither a query nor a fragment"
        )
    if config.options:
        raise ValueError(
            f"connection {config.name!r} ({config.vendor}): there is no option "
            f"{', '.join(sorted(config.options))}"
        )
    where = f"connection {config.name!r} ({config.vendor}): the secret signing_secret"
    return Signer(config.secret("signing_secret"), where=where)


def _takes_paths(address: str) -> bool:
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        return False
    known = url.scheme in ("http", "https") and bool(url.host)
    return known and not url.query and not url.fragment
