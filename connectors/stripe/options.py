"""What a Stripe connection says beside its address and its key."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, StringConstraints

from connectors.config import ConnectionConfig
from connectors.stripe import API_VERSION


class StripeOptions(BaseModel):
    """`options` of a connection of vendor `stripe`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    #: Whose events and objects these are: real money, or none. By default as the key says.
    mode: Literal["live", "test"] = "test"
    #: The connected account, of Stripe Connect, that the key acts for; None for the key's own.
    account: Annotated[str, StringConstraints(pattern=r"^acct_[A-Za-z0-9]{1,64}$")] | None = None

    @property
    def live(self) -> bool:
        return self.mode == "live"

    @classmethod
    def of(cls, config: ConnectionConfig) -> Self:
        """Without a key that says its mode and without the option it is test: no live event is
        ever booked by mistake. Raises ValueError naming the connection and the option."""
        told = _mode_of_key(config)
        given = {"mode": told} if told is not None else {}
        options = config.options_as(cls, **given)
        if told is not None and options.mode != told:
            raise ValueError(
                f"connection {config.name!r} ({config.vendor}): option mode says "
                f"{options.mode!r}, and the secret api_key is a key of the {told} mode: give the "
                "key of the other mode, or leave the option out"
            )
        return options


def _mode_of_key(config: ConnectionConfig) -> Literal["live", "test"] | None:
    """Stripe's keys say it: `sk_test_…`, `rk_live_…`."""
    secret = config.secrets.get("api_key")
    words = secret.get_secret_value().split("_", 3) if secret is not None else []
    if "live" in words[1:3]:
        return "live"
    return "test" if "test" in words[1:3] else None


def headers_of(config: ConnectionConfig) -> dict[str, str]:
    """Of every request: the key, our version, and the account that it acts for. Raises KeyError
    without the secret `api_key`, ValueError for options that do not fit."""
    headers = {
        "Authorization": f"Bearer {config.header_secret('api_key')}",
        "Stripe-Version": API_VERSION,
    }
    account = StripeOptions.of(config).account
    return headers if account is None else headers | {"Stripe-Account": account}
