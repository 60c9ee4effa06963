"""What the proxy did, for a person who watches: one line a request, and a sum at the end.

Paths are told without their query, where names and addresses of people may be; headers and bodies
never.
"""

from collections import Counter
from typing import TextIO

from sandbox.simulators.faultproxy.journal import JournalEntry


def untold(_entry: JournalEntry) -> None:
    """Nobody watches."""


class Told:
    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._did: Counter[str] = Counter()

    def request(self, entry: JournalEntry) -> None:
        self._did[entry.action] += 1
        rule = "" if entry.rule is None else f" (rule {entry.rule})"
        answered = "no answer" if entry.status is None else str(entry.status)
        reached = "" if entry.forwarded else ", the upstream was not asked"
        path = entry.path.partition("?")[0]
        self._out.write(
            f"{entry.at} {entry.seq} {entry.method} {path}: {entry.action}{rule}, "
            f"{answered}{reached}\n"
        )
        self._out.flush()

    def summary(self, seed: int) -> None:
        did = ", ".join(f"{count} {action}" for action, count in sorted(self._did.items()))
        self._out.write(f"{self._did.total()} requests with seed {seed}: {did or 'none'}\n")
        self._out.flush()
