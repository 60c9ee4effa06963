"""The receiver of the manual, as it stands there, acts once on each event and on nothing forged."""

import asyncio
import os
import re
import sqlite3
import sys
from pathlib import Path

import httpx

from dispatch.sending import Sender
from persistence.database import Database
from tests.architecture.repository import ROOT
from tests.harness.receiver import SECRETS
from tests.harness.streaming import add, publish, settings, standing


async def test_the_receiver_of_the_manual_acts_once(database: Database, tmp_path: Path) -> None:
    manual = (ROOT / "docs" / "streams.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", manual, re.DOTALL)
    kept = tmp_path / "receiver.db"
    environment = {"TRUEUP_SECRET": SECRETS["crm"], "RECEIVER_DATABASE": str(kept)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        port = (await process.stdout.readline()).decode().strip()
        url = f"http://127.0.0.1:{port}/"
        await add(database, url)
        sender = Sender(database, settings(tmp_path))
        await publish(database, "one", "two")
        await publish(database, "three", subject="in_2")
        assert [await sender.poll(), await sender.poll()] == [2, 1]
        assert set((await standing(database)).values()) == {"delivered"}
        # As where the answers were lost.
        async with database.statement() as conn:
            await conn.execute("update deliveries set state = 'pending'")
        assert [await sender.poll(), await sender.poll()] == [2, 1]
        forged = {"webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,eA=="}
        async with httpx.AsyncClient() as client:
            assert (await client.post(url, content=b"{}", headers=forged)).status_code == 401
        with sqlite3.connect(kept) as found:
            paid = sorted(found.execute("select invoice, minor from paid"))
        assert paid == [("in_1", 100), ("in_1", 100), ("in_2", 100)]
    finally:
        process.terminate()
        await process.wait()
