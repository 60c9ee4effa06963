"""One line of what the proxy did."""

from dataclasses import dataclass


@dataclass
class JournalEntry:
    """One proxied request. `status` is what the client was answered, None while under way or
    when it got no answer; `forwarded` says whether the upstream was asked."""

    seq: int
    method: str
    path: str
    at: str
    action: str
    rule: int | None
    status: int | None = None
    forwarded: bool = False
