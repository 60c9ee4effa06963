"""Histories of the sagas and processes that tests bring about, for the replay corpus."""

import os
from pathlib import Path

from temporalio.client import Client

#: The folder where they are kept; nothing is where it is not set.
VARIABLE = "TRUEUP_KEPT_HISTORIES"


async def keep_histories(client: Client, queue: str) -> None:
    """Those of all runs of the queue, closed or not, under the names of workflow and test."""
    if VARIABLE not in os.environ:
        return
    test = os.environ["PYTEST_CURRENT_TEST"].split("::")[-1].split(" ")[0]
    async for run in client.list_workflows(f'TaskQueue = "{queue}"'):
        folder = Path(os.environ[VARIABLE]) / run.workflow_type
        folder.mkdir(parents=True, exist_ok=True)
        history = await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
        name = f"{test}-{run.run_id[-6:]}.json".replace("/", "_")
        (folder / name).write_text(history.to_json(), encoding="utf-8")
