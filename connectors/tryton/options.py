"""What a Tryton connection says beside its address and its secrets."""

from pydantic import ConfigDict

from connectors.tryton.methods import SettlementAccounts


class TrytonOptions(SettlementAccounts):
    """`login` is the user of the JSON-RPC session; its password is the secret `password`. The
    others say on which accounts movements are booked."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    database: str
    login: str
