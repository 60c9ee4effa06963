"""Records the corpus and the baseline anew, from the real saga on a real server.

    python -m tests.replay.record               the newest series, in place
    python -m tests.replay.record --new-series  a new series beside the others

README.md says which is right when.
"""

import argparse
import asyncio
import shutil

from tests.harness.postgres import postgres_server
from tests.harness.temporal import temporal_server
from tests.replay import baseline, histories, running


async def record(series: str) -> None:
    commands: dict[str, list[str]] = {}
    with postgres_server() as postgres:
        async with temporal_server() as temporal, running.stage(temporal.client, postgres) as stage:
            for name in running.ALL:
                ran = await stage.run(name)
                commands[name] = ran.commands
                histories.keep(series, name, ran.history)
    baseline.keep(commands)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--new-series", action="store_true", help="keep the series recorded so far")
    newest = histories.newest_series() or "0000"
    if parser.parse_args().new_series or newest == "0000":
        newest = f"{int(newest) + 1:04}"
    else:
        shutil.rmtree(histories.FOLDER / newest)
    asyncio.run(record(newest))


if __name__ == "__main__":
    main()
