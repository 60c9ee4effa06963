"""What `<state>/stack.json` says: where everything is and how to get in."""

from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from runtime.settings import TemporalSettings
from sandbox.embedded.files import write

#: The one demonstration tenant.
TENANT = "acme"
#: The connection of the system that is told what customers may use.
TARGET = "app"
FILE = "stack.json"


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ApiFacts(_Facts):
    """`key` goes into `Authorization: Bearer`; it may do everything for the tenant. At `metrics`
    are /readyz and /metrics."""

    url: str
    metrics: str
    key: str


class ConsoleFacts(_Facts):
    """`sign_in` are links by role: each opens once, for one person who has that role, and all are
    made anew with every start."""

    url: str
    sign_in: dict[str, str] = Field(default_factory=dict)


class StripeFacts(_Facts):
    """`webhook_secret` signs what goes to `webhook_url`; None when it is not ours to know."""

    url: str
    api_key: str | None
    webhook_url: str
    webhook_secret: str | None = None
    webhook_endpoint: str | None = None


class TrytonFacts(_Facts):
    """`facts` has the ids of companies, taxes, products and parties, keyed by their codes."""

    url: str
    database: str | None
    user: str | None
    password: str | None
    api_key: str | None
    facts: dict[str, Any] | None = None


class ZendeskFacts(_Facts):
    """HTTP Basic with `<email>/token` and the token."""

    url: str
    email: str | None
    token: str | None


class TargetFacts(_Facts):
    """The system that is told what customers may use; Standard Webhooks' `whsec_…` secret."""

    url: str
    signing_secret: str | None


class Ended(_Facts):
    """A part that ended while the stack was up: when and why the last time, with the end of its
    log, and how often it was started again since the stack is up."""

    at: datetime
    why: str
    restarts: int = 0
    #: It ended too often, and is not started any more.
    given_up: bool = False


class StackFacts(_Facts):
    """The whole of `stack.json`; it holds secrets of the demonstration, so its mode is 0600."""

    version: int = 1
    state: Path
    #: The settings file for `trueup --config` and `runtime.settings.load`.
    config: Path
    logs: Path
    tenant: str = TENANT
    #: The supervisor's.
    pid: int
    #: Process ids by part; a part that was given by configuration has none.
    pids: dict[str, int]
    #: By part; one that has been up since the stack is has none.
    ended: dict[str, Ended] = Field(default_factory=dict)
    api: ApiFacts
    console: ConsoleFacts
    postgres_dsn: str
    temporal: TemporalSettings
    stripe: StripeFacts
    tryton: TrytonFacts
    zendesk: ZendeskFacts
    target: TargetFacts

    def save(self) -> None:
        write(self.state / FILE, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def load(cls, state: Path) -> "StackFacts":
        """Raises FileNotFoundError while no stack is up, pydantic's ValidationError otherwise."""
        return cls.model_validate_json((state / FILE).read_text(encoding="utf-8"))
