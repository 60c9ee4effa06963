"""Records the corpus and the baseline anew, from the real saga on a real server.

    python -m tests.replay.record               the newest series, in place
    python -m tests.replay.record --missing     what it does not show yet, and nothing else
    python -m tests.replay.record --new-series  a new series beside the others

README.md says which is right when.
"""

import argparse
import asyncio
import shutil
from collections.abc import Collection

from tests.harness.postgres import postgres_server
from tests.harness.temporal import temporal_server
from tests.replay import baseline, histories, running


async def record(series: str, names: Collection[str]) -> None:
    kept = baseline.kept() if len(names) < len(running.ALL) else {}
    commands = {name: lines for name, lines in kept.items() if name in running.ALL}
    with postgres_server() as postgres:
        async with temporal_server() as temporal, running.stage(temporal.client, postgres) as stage:
            for name in names:
                ran = await stage.run(name)
                commands[name] = ran.commands
                histories.keep(series, name, ran.history)
    baseline.keep(commands)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--new-series", action="store_true", help="keep the series recorded so far")
    parser.add_argument("--missing", action="store_true", help="add to the newest series")
    said = parser.parse_args()
    newest = histories.newest_series() or "0000"
    names = list(running.ALL)
    if said.missing:
        shown = {path.stem for path in (histories.FOLDER / newest).iterdir()}
        names = [name for name in names if name not in shown]
    elif said.new_series or newest == "0000":
        newest = f"{int(newest) + 1:04}"
    else:
        shutil.rmtree(histories.FOLDER / newest)
    asyncio.run(record(newest, names))


if __name__ == "__main__":
    main()
