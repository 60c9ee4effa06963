"""What an adapter needs to know of its connection; secrets are already resolved."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from connectors.refusals import fault_of
from connectors.secrecy import keep_secret

Options = TypeVar("Options", bound=BaseModel)


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
    #: Whether nothing is ever written to it.
    shadow: bool = False
    #: Calls under way at one time, which the governor never passes.
    most_at_once: int = Field(default=32, ge=1, le=64)

    def model_post_init(self, _context: Any) -> None:
        for each in (*self.secrets.values(), *self.webhook_secrets):
            keep_secret(each.get_secret_value())

    def secret(self, name: str) -> str:
        """Raises KeyError naming the missing secret and the connection."""
        try:
            return self.secrets[name].get_secret_value()
        except KeyError:
            raise KeyError(
                f"connection {self.name!r} ({self.vendor}) needs the secret {name!r}: add "
                f'`{name} = "env:…"` or `"file:…"` under its `secrets`'
            ) from None

    def header_secret(self, name: str) -> str:
        """One that is sent in a header. Raises KeyError as `secret` does, and ValueError for one
        that no header can carry, which a copied line end is the usual cause of."""
        found = self.secret(name)
        if not (found.isascii() and found.isprintable()):
            raise ValueError(
                f"connection {self.name!r} ({self.vendor}): the secret {name!r} has a character "
                "that cannot be sent, such as the end of a line: copy it once more, without"
            )
        return found

    def options_as(self, model: type[Options], **usual: Any) -> Options:
        """The vendor's own options, with what is `usual` where the settings leave it out. Raises
        ValueError naming the connection and the option, never its value."""
        try:
            return model.model_validate({**usual, **self.options})
        except ValidationError as error:
            path, reason = fault_of(error)
            raise ValueError(
                f"connection {self.name!r} ({self.vendor}): option {path.removeprefix('$.')} "
                f"does not fit: {reason}"
            ) from None
