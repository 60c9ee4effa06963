"""A tenant in shadow reads its systems and writes none: what is refused here nobody can ask for.

A port passes what is listed as reading, and nothing else: a method that nobody has thought of is
refused.
"""

from typing import Any, NoReturn, Protocol, TypeVar, cast

from canonical_models.failures import Rejection, RejectionCode

#: By what a port is for: what only reads. `close` ends our own connection.
READS: dict[str, frozenset[str]] = {
    "billing": frozenset(
        {
            "snapshot",
            "preview",
            "account_snapshot",
            "documents",
            "document_page",
            "customer_page",
            "facts",
            "document_of",
            "understand",
            "account",
            "payout",
            "payouts_since",
            "cash_balance",
            "cash_movements",
            "close",
        }
    ),
    "erp": frozenset(
        {
            "check",
            "find",
            "find_number",
            "read",
            "statuses",
            "facts",
            "find_entries",
            "find_deposit",
            "clearing",
            "booked",
            "ledger",
            "paid_by_hand",
            "open_items",
            "parties",
            "look_up",
            "close",
        }
    ),
    "support": frozenset({"organization", "desk", "merged_into", "facts", "close"}),
    "target": frozenset({"held", "close"}),
}


class _Closing(Protocol):
    async def close(self) -> None: ...


Port = TypeVar("Port", bound=_Closing)


class _Shadowed:
    def __init__(self, port: object, part: str) -> None:
        self._port, self._part = port, part

    def __getattr__(self, name: str) -> Any:
        if name in READS[self._part]:
            return getattr(self._port, name)
        if name.startswith("_") or not hasattr(self._port, name):
            raise AttributeError(name)
        part = self._part

        async def refused(*_: object, **__: object) -> NoReturn:
            raise Rejection(
                RejectionCode.SHADOWED,
                f"{name} would write to the {part}, and the tenant is in shadow: nothing is "
                'written anywhere. Set its `mode` to "live" to have it done',
                system=part,
                subject=name,
            )

        return refused


def shadowed(port: Port, part: str) -> Port:
    """The same port, of which all that writes raises Rejection (shadowed) before anything is sent.
    `part` is one of READS."""
    return cast("Port", _Shadowed(port, part)) if not is_shadowed(port) else port


def is_shadowed(port: object) -> bool:
    return isinstance(port, _Shadowed)
