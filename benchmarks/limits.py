"""A limit, what was measured, and one line that says whether it is met."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """`bound` is the least value when `at_least`, else the most."""

    name: str
    measured: float
    bound: float
    unit: str = ""
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        said = f"{self.measured:.2f}{self.unit} (limit {sign} {self.bound:g}{self.unit})"
        return f"{self.name}: {said} {'ok' if self.met else 'MISSED'}"


def told(limits: list[Limit]) -> int:
    """Print each; the exit code of the program: 0 when all are met."""
    for limit in limits:
        print(limit, flush=True)
    return 0 if all(limit.met for limit in limits) else 1
