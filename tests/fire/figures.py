"""What a campaign has done, counted."""

from collections import Counter
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table


@dataclass
class Figures:
    lives: int = 0
    deeds: Counter[str] = field(default_factory=Counter)
    refused_deeds: int = 0
    lost_deeds: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    stops: Counter[str] = field(default_factory=Counter)
    #: Requests that were hit, by (vendor, kind).
    faults: Counter[tuple[str, str]] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)
    decisions: Counter[str] = field(default_factory=Counter)
    questions: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    events: int = 0
    changes: int = 0
    sagas: int = 0
    effects: int = 0
    documents: int = 0
    movements: int = 0
    doubtful: int = 0
    excused: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    violations: int = 0

    def show(self, console: Console) -> None:
        table = Table("what", "how many", "of which")
        for name, total, parts in self._rows():
            table.add_row(name, str(total), parts)
        console.print(table)

    def _rows(self) -> list[tuple[str, int, str]]:
        times = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in self.seconds.items())
        lost = f"refused by billing {self.refused_deeds}, answer lost {self.lost_deeds}"
        faults = Counter({f"{on} {how}": count for (on, how), count in self.faults.items()})
        return [
            ("lives", self.lives, ""),
            ("deeds", self.deeds.total(), f"{lost}; {_parts(self.deeds)}"),
            ("events told", self.events, ""),
            ("changes", self.changes, _parts(self.outcomes)),
            ("sagas run", self.sagas, ""),
            ("effects", self.effects, ""),
            ("documents posted", self.documents, ""),
            ("movements entered", self.movements, ""),
            ("kills", self.kills.total(), _parts(self.kills)),
            ("stops", self.stops.total(), _parts(self.stops)),
            ("requests hit by a fault", self.faults.total(), _parts(faults)),
            ("acts of operators", self.acts.total(), _parts(self.acts)),
            ("questions opened", self.questions.total(), _parts(self.questions)),
            ("decisions of people", self.decisions.total(), _parts(self.decisions)),
            ("differences with a reason", self.excused, "asked, or decided by a person"),
            ("access in doubt", self.doubtful, "both answers were taken"),
            ("seconds", round(sum(self.seconds.values())), times),
            ("violations", self.violations, ""),
        ]


def _parts(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counted.items()))
