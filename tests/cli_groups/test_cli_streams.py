"""Streams on the command line: what is asked for is done, and what the receiver says is shown."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cli.output import ExitCode
from dispatch.sending import Sender
from persistence.database import Database
from runtime import settings
from tests.cli_groups.conftest import trueup_with
from tests.harness.receiver import SECRETS, receiving
from tests.harness.streaming import publish

_STREAMS = """
[streams]
allowed = ["127.0.0.0/8"]

[tenants.acme.stream_secrets]
crm = "file:crm"
next = "file:next"
"""


async def test_a_receiver_is_added_tried_and_sent_to_again(
    settings_file: Callable[..., Path], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = settings_file("acme")
    path.write_text(path.read_text() + _STREAMS)
    for name, secret in SECRETS.items():
        (path.parent / name).write_text(secret)
    trueup = trueup_with(path, monkeypatch)
    assert "nobody is told of events" in (await trueup("streams", "list")).err
    async with receiving() as receiver:
        said = await trueup("streams", "add", "crm", receiver.url, "--secret", "crm")
        assert (said.code, "crm is told from now on" in said.err) == (ExitCode.OK, True)
        said = await trueup("streams", "add", "Not a name", receiver.url, "--secret", "crm")
        assert (said.code, said.err[:5]) == (ExitCode.USAGE, "name:")
        receiver.reply = lambda _: (401, "who are you?", {})
        said = await trueup("streams", "test", "cr")
        assert (said.code, said.err.strip()) == (
            ExitCode.FAILED,
            "Not taken: the receiver answered 401: who are you?",
        )
        await publish(database, "one")
        assert await Sender(database, settings.load(path), back_off=()).poll() == 1
        parts = (await trueup("status", "-o", "json")).json["parts"]
        (part,) = [part for part in parts if part["part"] == "stream acme/crm"]
        assert (part["state"], part["facts"]["dead"]) == ("away", 1)
        found = await trueup("streams", "deliveries", "crm", "--state", "dead", "-o", "json")
        (dead,) = found.json["items"]
        assert (dead["status"], dead["answer"]) == (401, "who are you?")
        assert (await trueup("streams", "deliveries", "crm", "--state", "lost")).code == (
            ExitCode.USAGE
        )
        receiver.reply = lambda _: (200, "welcome", {})
        assert (await trueup("streams", "resend", "crm")).code == ExitCode.USAGE
        said = await trueup("streams", "resend", "crm", str(dead["position"]))
        assert said.code == ExitCode.OK
        assert "\t200\twelcome\t" in said.out
        said = await trueup("streams", "rotate", "crm", "--secret", "next")
        assert said.err.strip() == "crm signs with next and crm."
        said = await trueup("streams", "remove", "crm")
        assert "0 events were not sent" in said.err
        assert (await trueup("streams", "test", "crm")).code == ExitCode.NOT_FOUND
