"""`python -m tests.architecture.release VERSION`: the notes of a version, from the changelog.

Exits with an error where the changelog has no such section, as a release without notes would.
"""

import re
import sys

from tests.architecture.repository import ROOT


def notes(changelog: str, version: str) -> str:
    """The section of the version, without its heading. Raises ValueError where there is none."""
    found = re.search(
        rf"^## {re.escape(version)}( - [^\n]*)?\n(.*?)(?=^## |\Z)",
        changelog,
        re.MULTILINE | re.DOTALL,
    )
    if found is None or not found[2].strip():
        raise ValueError(f"CHANGELOG.md says nothing of {version}: write its section first")
    return found[2].strip()


def main() -> int:
    try:
        said = notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), sys.argv[1])
    except ValueError as missing:
        sys.stderr.write(f"{missing}\n")
        return 1
    sys.stdout.write(f"{said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
