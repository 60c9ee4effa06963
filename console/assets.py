"""What pages load: files of ours and of others, each under the digest of its content.

A file is kept by browsers for good, because another content has another address. Of whose the
vendored files are, and that they are as they came, says `static/vendor/vendored.toml`.
"""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "static"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Asset:
    """`digest` stands in its address; `packed` is the content with gzip."""

    name: str
    digest: str
    kind: str
    content: bytes
    packed: bytes

    @property
    def address(self) -> str:
        return f"/static/{self.digest}/{self.name}"


@cache
def assets() -> dict[str, Asset]:
    """By name, such as `vendor/htmx.min.js`."""
    found = {}
    for path in sorted(FOLDER.rglob("*")):
        if (kind := _TYPES.get(path.suffix)) is None:
            continue
        content, name = path.read_bytes(), path.relative_to(FOLDER).as_posix()
        digest = hashlib.sha256(content).hexdigest()[:16]
        found[name] = Asset(name, digest, kind, content, gzip.compress(content, 9, mtime=0))
    return found


def address(name: str) -> str:
    """Raises KeyError for a file that there is not."""
    return assets()[name].address
