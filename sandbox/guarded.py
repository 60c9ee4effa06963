"""Servers of others as processes of ours: on a port that is free, and no longer than we live."""

import asyncio
import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

import psutil

_STOP_SECONDS = 10

# The server lives no longer than we do: the guard waits for the end of its standard input, which
# comes when we close it and also when we are killed, and then ends the server.
_GUARD = """
exec 3<&0
"$@" <&- 3<&- &
server=$!
{ cat <&3 >/dev/null; kill -TERM $server 2>/dev/null; } &
watch=$!
trap 'kill -TERM $server 2>/dev/null' TERM INT
wait $server
code=$?
kill -TERM $watch 2>/dev/null
exit $code
"""


async def guarded(
    program: Path, *arguments: str, env: Mapping[str, str], cwd: Path, log: Path
) -> asyncio.subprocess.Process:
    """The program, in a session of its own; its output is the new content of ``log``."""
    with log.open("wb") as output:
        return await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", _GUARD, "guard"),
            str(program),
            *arguments,
            env=env,
            cwd=cwd,
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


async def end(process: asyncio.subprocess.Process) -> None:
    """Have what was started as guarded end, and wait for it."""
    if process.stdin is None:
        return
    process.stdin.close()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def can_bind(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def listens(guard: int, port: int) -> bool:
    """Whether what the guard has started is the one that listens: another server's answer proves
    nothing."""
    try:
        family = psutil.Process(guard).children(recursive=True)
        return any(
            connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            for member in family
            for connection in member.net_connections(kind="tcp4")
        )
    except psutil.NoSuchProcess:
        return False


def tail(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace")
    return f"the end of {log}:\n{text[-2000:]}"
