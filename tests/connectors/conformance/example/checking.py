"""A Deskling connection looked at before anything is done through it."""

from typing import Self

import httpx

from canonical_models.checks import Expected, Finding, right, wrong
from canonical_models.failures import Failure, TransientFailure
from connectors.config import ConnectionConfig
from connectors.http import Closing, Observer, VendorHttp
from connectors.looking import Looking, of_failure, unreachable
from connectors.refusals import RequestContext, contract
from tests.connectors.conformance.example import SYSTEM
from tests.connectors.conformance.example.errors import failure
from tests.connectors.conformance.example.wire import Me


class DesklingConnection(Closing):
    """A `ConnectionPort`."""

    def __init__(self, http: VendorHttp, connection: str) -> None:
        self._look, self._connection = Looking(http), connection

    @classmethod
    def connect(
        cls,
        config: ConnectionConfig,
        *,
        observe: Observer | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Self:
        http = VendorHttp(
            SYSTEM,
            config.base_url,
            headers={"Authorization": f"Token {config.header_secret('api_key')}"},
            timeout_seconds=config.timeout_seconds,
            observe=observe,
            transport=transport,
        )
        return cls(http, config.name)

    async def check(self, expected: Expected) -> tuple[Finding, ...]:
        """Whether the key is taken, and may write."""
        del expected
        look = self._look
        try:
            me = self._read(await look.get("/me"))
        except TransientFailure as away:
            return (unreachable(away),)
        except Failure as refused:
            return (of_failure("key", refused),)
        look.add(right("key", "Deskling takes it"))
        if not me.may_write:
            look.add(wrong("rights", "the key may not write", "give it the right to write"))
        return (*look.findings, *look.besides("Deskling"))

    async def close(self) -> None:
        await self._look.close()

    def _read(self, answer: httpx.Response) -> Me:
        context = RequestContext("tell whose key this is", self._connection)
        if answer.status_code != httpx.codes.OK:
            raise failure(answer, context)
        with contract("Deskling's answer", SYSTEM, context.words, "compare Deskling's changelog"):
            return Me.model_validate(self._look.http.decode(answer))
