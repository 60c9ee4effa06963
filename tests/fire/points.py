"""The driver's side of failpoints (connectors/failpoints.py): arms a point, and sees who comes."""

import asyncio
import json
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from connectors.failpoints import Phase

_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Point:
    """One that is armed, or has been taken."""

    folder: Path
    name: str

    @property
    def _taken(self) -> Path:
        return self.folder / "taken" / f"{self.name}.json"

    async def taken(self, *, seconds: float) -> int | None:
        """Who came there, by process id; None where nobody did in time, and nobody will."""
        pid = self._taken.with_suffix(".pid")
        for _ in range(int(seconds / _POLL_SECONDS)):
            if pid.exists() and (text := pid.read_text(encoding="ascii")):
                return int(text)
            await asyncio.sleep(_POLL_SECONDS)
        self.disarm()
        return None

    def disarm(self) -> None:
        (self.folder / "armed" / f"{self.name}.json").unlink(missing_ok=True)

    def release(self) -> None:
        self._taken.with_suffix(".released").touch()


def arm(
    folder: Path,
    operation: str,
    phase: Phase,
    action: str,
    about: Collection[str] = (),
    *,
    mark: str | None = None,
) -> Point:
    """`mark` is for several points that are to mark requests alike; else it is the point's name."""
    point = Point(folder, secrets.token_hex(6))
    said = {"point": f"{operation}.{phase}", "about": sorted(about), "action": action}
    said |= {} if mark is None else {"mark": mark}
    place = folder / "armed" / f"{point.name}.json"
    whole = place.with_suffix(".new")
    whole.write_text(json.dumps(said), encoding="utf-8")
    whole.rename(place)
    return point
