"""Files of the stack's state: written whole or not at all, secrets for the owner alone."""

import base64
import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

#: Held by the process that runs the stack of a state folder.
LOCK = "stack.lock"

_LOOKS = 5
_LOOK_SECONDS = 0.02


class StackBusy(Exception):
    """Another process runs a stack on this state; the text says which."""


def write(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Replace `path` in one step; nobody ever sees half of it or reads it with another mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def secret(path: Path, make: Callable[[], str]) -> str:
    """What the file holds; made the first time and kept from then on."""
    if not path.exists():
        write(path, make() + "\n")
    return path.read_text(encoding="utf-8").strip()


def random_text() -> str:
    """192 random bits in hex."""
    return secrets.token_hex(24)


def signing_secret() -> str:
    """256 random bits as Standard Webhooks writes a secret."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


@contextlib.contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, with our process id in it. Raises StackBusy.

    The kernel lets go of it when the process ends, however it ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        if not _lock(file.fileno()):
            raise StackBusy(
                f"a stack already runs on {path.parent} (process {holder(path) or 'unknown'}): "
                "see it with `trueup status`, stop it with `trueup down`, or choose another "
                "--state"
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _lock(descriptor: int) -> bool:
    for _ in range(_LOOKS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # `holder` takes the lock for an instant when it looks.
            time.sleep(_LOOK_SECONDS)
        else:
            return True
    return False


def holder(path: Path) -> int | None:
    """The process id that holds the lock file, or None when nobody does."""
    try:
        with path.open("r", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                # Between taking the lock and writing its id the holder has no name yet.
                text = file.read().strip()
                return int(text) if text.isdigit() else 0
    except FileNotFoundError:
        return None
    return None
