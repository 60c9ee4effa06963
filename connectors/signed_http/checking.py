"""A target looked at before it is told anything: it has to take our signature, and no other."""

from typing import Self
from uuid import uuid4

import httpx

from canonical_models.checks import Expected, Finding, right, unknown, wrong
from canonical_models.failures import TransientFailure
from connectors.config import ConnectionConfig
from connectors.http import Closing, Observer, VendorHttp
from connectors.looking import Looking, unreachable
from connectors.signed_http import SYSTEM
from connectors.signed_http.adapter import signer_of
from connectors.signed_http.errors import word_of
from connectors.signed_http.mapping import path_of
from connectors.signing import Signer

#: A customer whom no billing platform has.
_NOBODY = "trueup-check"
_REFUSED = (401, 403)


class TargetConnection(Closing):
    """A `ConnectionPort`."""

    def __init__(self, http: VendorHttp, signer: Signer) -> None:
        self._look = Looking(http)
        self._signer = signer

    @classmethod
    def connect(
        cls,
        config: ConnectionConfig,
        *,
        observe: Observer | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Self:
        """Raises as `SignedHttpTarget.connect` does."""
        signer = signer_of(config)
        http = VendorHttp(
            SYSTEM,
            config.base_url,
            headers={"Accept": "application/json"},
            timeout_seconds=config.timeout_seconds,
            observe=observe,
            transport=transport,
        )
        return cls(http, signer)

    async def check(self, expected: Expected) -> tuple[Finding, ...]:
        """See `ConnectionPort`."""
        del expected
        look = self._look
        headers = self._signer.headers(f"look_{uuid4().hex}", b"")
        try:
            answer = await look.get(path_of(_NOBODY), headers=headers)
            # The same, for another message: its signature is none of this one.
            false = headers | {"webhook-id": f"look_{uuid4().hex}"}
            unsigned = await look.get(path_of(_NOBODY), headers=false)
        except TransientFailure as away:
            return (unreachable(away),)
        known = answer.status_code == httpx.codes.OK or (
            answer.status_code == httpx.codes.NOT_FOUND and word_of(answer) is not None
        )
        look.add(right("reachable", "the target answers"))
        if answer.status_code in _REFUSED:
            look.add(
                wrong(
                    "signature",
                    f"the target answers {answer.status_code} to our signature",
                    "see that the secret signing_secret is the target's, and that both clocks are "
                    "right",
                )
            )
        elif not known:
            look.add(
                unknown(
                    "signature",
                    f"the target answers {answer.status_code} for a customer whom it cannot know, "
                    "where 404 with a word is due",
                    "see that base_url is where it takes entitlements",
                )
            )
        elif unsigned.status_code in _REFUSED:
            look.add(right("signature", "ours is taken, and a false one is refused"))
        else:
            look.add(
                wrong(
                    "signature",
                    f"ours is taken, but so is a false one ({unsigned.status_code}): anybody who "
                    "reaches the target could give features away",
                    "have the target verify signatures (Standard Webhooks)",
                )
            )
        return (*look.findings, *look.besides("the target"))

    async def close(self) -> None:
        await self._look.close()
