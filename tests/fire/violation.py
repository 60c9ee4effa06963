"""What was found wrong."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Violation:
    """`customer` is billing's id, where it is about one."""

    text: str
    customer: str | None = None

    def __str__(self) -> str:
        return self.text if self.customer is None else f"{self.customer}: {self.text}"
