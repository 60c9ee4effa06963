"""``python -m sandbox.erp --state DIR --port 0``: the embedded ERP as a child process.

Prints one JSON line when it is ready, stops at SIGTERM or SIGINT, and with ``--exit-with-stdin``
also when standard input ends. Ends with code 1 when the ERP cannot start, or ends by itself.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from sandbox.erp.installation import ErpStartError
from sandbox.erp.server import DEFAULT_VENV, TrytonServer


def main() -> int:
    """Run until told to stop; the exit code is 0 after a clean stop, else 1."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.erp", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="folder of the database")
    parser.add_argument("--cache", type=Path, help="folder of seeded databases (<state>/cache)")
    parser.add_argument("--venv", type=Path, default=DEFAULT_VENV, help="the ERP's environment")
    parser.add_argument("--module", action="store_true", help="activate tryton_trueup's module")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--exit-with-stdin", action="store_true")
    options = parser.parse_args()
    server = TrytonServer(
        options.state,
        cache=options.cache,
        venv=options.venv,
        module=options.module,
        port=options.port,
    )
    try:
        asyncio.run(_serve(server, exit_with_stdin=options.exit_with_stdin))
    except ErpStartError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


async def _serve(server: TrytonServer, *, exit_with_stdin: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if exit_with_stdin:
        loop.add_reader(sys.stdin.fileno(), _watch_stdin, stop)
    starting = asyncio.ensure_future(server.start())
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            ready = {
                "ready": True,
                "url": starting.result().url,
                "credentials": str(server.credentials_path),
            }
            sys.stdout.write(json.dumps(ready) + "\n")
            sys.stdout.flush()
            ended = asyncio.ensure_future(server.ended())
            await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not stopping.done():
                raise ErpStartError(
                    f"the ERP ended with code {await ended} while it was in use; see {server.log}"
                )
    finally:
        for task in (starting, stopping):
            task.cancel()
        await asyncio.gather(starting, stopping, return_exceptions=True)
        await server.stop()


def _watch_stdin(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop.set()


if __name__ == "__main__":
    sys.exit(main())
