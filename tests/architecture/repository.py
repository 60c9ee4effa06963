"""The repository as git has it, with what is new and not ignored."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def files(*patterns: str) -> tuple[Path, ...]:
    """Files that exist and are tracked or would be, by git's patterns; all of them for none."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    names = sorted(set(filter(None, listed.split("\0"))))
    return tuple(path for name in names if (path := ROOT / name).is_file())


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def texts(*patterns: str) -> dict[str, str]:
    """Name to text of every file that is text."""
    found = {}
    for path in files(*patterns):
        raw = path.read_bytes()
        if b"\0" not in raw:
            found[named(path)] = raw.decode("utf-8")
    return found
