"""What an adapter needs to know of its connection; secrets are already resolved."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class ConnectionConfig(BaseModel):
    """One account at one vendor. `options` are the vendor's own and checked by its adapter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: The tenant's name for it, as in the webhook path.
    name: str
    vendor: str
    base_url: str
    secrets: dict[str, SecretStr] = Field(default_factory=dict)
    webhook_secrets: tuple[SecretStr, ...] = ()
    options: dict[str, Any] = Field(default_factory=dict)
    timeout_seconds: float = Field(default=20, gt=0, le=120)
    #: Calls under way at one time, which the governor never passes.
    most_at_once: int = Field(default=32, ge=1, le=64)

    def secret(self, name: str) -> str:
        """Raises KeyError naming the missing secret and the connection."""
        try:
            return self.secrets[name].get_secret_value()
        except KeyError:
            raise KeyError(
                f"connection {self.name!r} ({self.vendor}) needs the secret {name!r}: add "
                f'`{name} = "env:…"` or `"file:…"` under its `secrets`'
            ) from None
