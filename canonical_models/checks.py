"""What is found when a connection is looked at before anything is done through it."""

from enum import StrEnum

from canonical_models.base import Canonical
from canonical_models.cash import CashAccounts


class Verdict(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"
    #: It could not be seen. That says nothing about how it is.
    UNKNOWN = "unknown"


class Finding(Canonical):
    """One thing that was looked at. `meaning` is what is so, and what follows from it; `next_step`
    what to do about it, also where all is right for now."""

    looked_at: str
    verdict: Verdict
    meaning: str
    next_step: str | None = None


class ExpectedEntity(Canonical):
    """What the configuration names of a legal entity: the ERP's tax codes and rules of parties."""

    code: str
    tax_codes: tuple[str, ...] = ()
    tax_rules: tuple[str, ...] = ()


class Expected(Canonical):
    """What a connection has to fit to.

    - `webhook_path` is where its events are taken, such as `/webhooks/acme/stripe`; `public_url`
      is the address of the API in front of it, None where nobody has said.
    - `signing_secrets`: so many secrets of its webhooks are configured.
    - `heard_by` is the address of another connection, where its events come with that one's;
      `connected` whether others' come with its own.
    - `entities` are those that the configuration names; `cash` the accounts of payouts.
    """

    webhook_path: str
    public_url: str | None = None
    signing_secrets: int = 0
    heard_by: str | None = None
    connected: bool = False
    payouts: bool = False
    entities: tuple[ExpectedEntity, ...] = ()
    cash: CashAccounts | None = None

    @property
    def webhook_url(self) -> str | None:
        return None if self.public_url is None else self.public_url.rstrip("/") + self.webhook_path


class SetupStep(Canonical):
    """One thing that is made or changed at a vendor, in words; `done` is whether it was."""

    what: str
    done: bool = False


def right(looked_at: str, meaning: str, next_step: str | None = None) -> Finding:
    return Finding(looked_at=looked_at, verdict=Verdict.RIGHT, meaning=meaning, next_step=next_step)


def wrong(looked_at: str, meaning: str, next_step: str) -> Finding:
    return Finding(looked_at=looked_at, verdict=Verdict.WRONG, meaning=meaning, next_step=next_step)


def unknown(looked_at: str, meaning: str, next_step: str) -> Finding:
    return Finding(
        looked_at=looked_at, verdict=Verdict.UNKNOWN, meaning=meaning, next_step=next_step
    )
