"""Which optional parts an ERP has; asked once for each connection.

Modules are activated by an administrator and need a restart, so what was found holds for as long as
we are connected.
"""

import asyncio
from dataclasses import dataclass

from connectors.tryton.client import TrytonClient, of_kind


@dataclass(frozen=True)
class Features:
    """`external_ids`: our module `trueup`, which keeps external ids unique and takes billing's
    numbers. `deferral`: `account_invoice_defer`. `agents`: `commission`."""

    external_ids: bool
    deferral: bool
    agents: bool


class FeatureProbe:
    def __init__(self, client: TrytonClient) -> None:
        self._client = client
        self._found: Features | None = None
        self._asking = asyncio.Lock()

    async def features(self) -> Features:
        async with self._asking:
            if self._found is None:
                documents = await self._fields("account.invoice", "external_id", "agent")
                lines = await self._fields("account.invoice.line", "defer_from")
                self._found = Features(
                    external_ids="external_id" in documents,
                    deferral="defer_from" in lines,
                    agents="agent" in documents,
                )
            return self._found

    async def _fields(self, model: str, *names: str) -> set[str]:
        """Those of the fields that the model has."""
        found = await self._client.rpc(
            f"model.{model}.fields_get", list(names), what=f"the fields of {model}"
        )
        return set(of_kind(dict, found, f"the fields of {model}", at="$.result"))
