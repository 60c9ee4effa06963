"""Teams are told by mail what waits for them: once, all of it, and nothing that is personal."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from canonical_models.acts import Role
from canonical_models.approvals import ApprovalAsked, Need, Occasion
from dispatch.notifying import Notifier
from persistence import approvals, digests
from persistence.database import Database
from persistence.digests import Digest
from runtime import mail
from runtime.metrics import NOTIFICATIONS
from runtime.settings import (
    ConnectionSettings,
    DatabaseSettings,
    NotificationSettings,
    Settings,
    TenantSettings,
)
from tests.api.seeding import Ids, exception_row
from tests.harness.mail import PASSWORD, USER, Post, mail_server
from tests.harness.rows import add
from tests.harness.waiting import until

FAY, DANA = "fay@example.com", "dana@example.com"
NOW = datetime.now(UTC)


def settings(post: Post, folder: Path = Path(), **more: Any) -> Settings:
    one = ConnectionSettings(
        vendor="stripe", base_url="http://127.0.0.1:9", books_from=datetime(2026, 1, 1, tzinfo=UTC)
    )
    tenant = TenantSettings(
        billing="billing",
        erp="billing",
        support="billing",
        connections={"billing": one},
        notify={"finance": (FAY, DANA)},
    )
    server = {"host": "127.0.0.1", "port": post.port, "sender": "trueup@example.com", **more}
    return Settings(
        database=DatabaseSettings(dsn="postgresql://nobody"),
        notifications=NotificationSettings(**server),
        tenants={"acme": tenant},
        folder=folder,
    )


async def ask(database: Database, name: str, tenant: str = "acme", **more: Any) -> str:
    """Something that waits for finance since a moment ago."""
    ids, key = Ids(tenant), f"exc_{tenant}_{name}"
    asked = {
        "change_id": f"chg_{name}",
        "opened_at": datetime.now(UTC) - timedelta(minutes=1),
        "due_at": datetime.now(UTC) + timedelta(hours=8),
    }
    async with database.transaction() as conn:
        await add(conn, exception_row(ids, key, name, **(asked | more)))
    return key


async def again(database: Database) -> None:
    """As after the interval."""
    async with database.statement() as conn:
        await conn.execute("update streams set due_at = now(), claimed_until = null")


async def digest(database: Database) -> Digest:
    async with database.statement() as conn:
        (found,) = await digests.all_of(conn)
    return found


def counted(outcome: str) -> float:
    return float(NOTIFICATIONS.labels("finance", outcome)._value.get())


def body(post: Post) -> str:
    return str(post.came[-1].get_content())


async def test_a_team_is_told_by_cause_with_sums_and_links(database: Database) -> None:
    first = await ask(database, "a")
    # Its access waits for the same, and puts no other money at risk.
    await ask(database, "access of a", change_id="chg_a", track="access")
    await ask(database, "b", at_risk_minor=50, at_risk_currency="USD")
    await ask(database, "c", at_risk_minor=None, at_risk_currency=None)
    await ask(database, "d", code="period_closed", due_at=NOW - timedelta(hours=1))
    await ask(database, "e", code="period_closed", escalated_at=NOW - timedelta(hours=1))
    await ask(database, "other", owner="support")
    await ask(database, "theirs", tenant="globex")
    with mail_server() as post:
        assert await Notifier(database, settings(post)).poll() == 1
        (mail,) = post.came
        assert mail["Subject"] == "Trueup acme, finance: 6 new, 1 late, 1 escalated"
        assert post.recipients == [[FAY, DANA]]
        text = body(post)
        assert "6 open now, 1 of them late." in text
        assert "item unmapped: 4 questions, 120.00 EUR and 0.50 USD and an unknown amount in 1" in (
            text
        )
        assert f"trueup exceptions show {first} --tenant acme" in text
        assert text.index("New") < text.index("Late") < text.index("Escalated")
        assert "globex" not in text
        assert "other" not in text
        # Messages and subjects of questions may hold what belongs to a person.
        assert Ids("acme").mark not in mail.as_string()


async def test_what_was_told_is_not_told_again_and_silence_is_kept(database: Database) -> None:
    await ask(database, "a")
    with mail_server() as post:
        notifier = Notifier(database, settings(post, base_url="https://desk.example.com/"))
        assert await notifier.poll() == 1
        # Not before the interval is over, and then there is nothing new.
        await ask(database, "b", opened_at=datetime.now(UTC) - timedelta(seconds=30))
        assert await notifier.poll() == 0
        await again(database)
        assert await notifier.poll() == 0
        later = await ask(database, "c", opened_at=datetime.now(UTC))

        async def told() -> bool:
            await again(database)
            return await notifier.poll() == 1

        await until(told, "what has come since is told")
        assert post.came[-1]["Subject"] == "Trueup acme, finance: 1 new"
        assert f"https://desk.example.com/acme/cases/{later}" in body(post)
        assert (await digest(database)).failures == 0


async def test_what_commits_late_is_told_nevertheless(database: Database, dsn: str) -> None:
    other = Database(dsn)
    with mail_server() as post:
        notifier = Notifier(database, settings(post))
        async with other.transaction() as conn:
            row = exception_row(Ids("acme"), "exc_slow", "slow", due_at=NOW + timedelta(hours=8))
            (at,) = await (await conn.execute("select now()")).fetchone() or (None,)
            row.opened_at = at
            await add(conn, row)
            # It is as old as its transaction, which has not ended when others are told.
            assert await notifier.poll() == 0

        async def told() -> bool:
            await again(database)
            return await notifier.poll() == 1

        await until(told, "what was written before and is seen now is told")
        assert "exc_slow" in body(post)
    await other.close()


async def test_several_workers_send_one_mail(database: Database, dsn: str) -> None:
    await ask(database, "a")
    others = [Database(dsn) for _ in range(4)]
    with mail_server() as post:
        sent = await asyncio.gather(*(Notifier(one, settings(post)).poll() for one in others))
        assert sum(sent) == len(post.came) == 1
    for one in others:
        await one.close()


async def test_a_mail_server_that_fails_is_tried_again_and_nothing_is_lost(
    database: Database,
) -> None:
    key, failed = await ask(database, "a"), counted("failed")
    with mail_server() as post:
        notifier = Notifier(database, settings(post))
        post.refusal = f"451 ask {FAY} later"
        assert await notifier.poll() == 0
        found = await digest(database)
        assert (found.failures, found.sent_at, found.told_to) == (1, None, None)
        assert found.failing_since is not None
        assert (found.error or "").startswith("SMTPDataError")
        assert FAY not in (found.error or "")
        assert counted("failed") == failed + 1
        # Not at once: it is given time.
        assert await notifier.poll() == 0
        assert counted("failed") == failed + 1
        post.refusal = None
        await again(database)
        assert await notifier.poll() == 1
        assert key in body(post)
    found = await digest(database)
    assert (found.failures, found.failing_since, found.error) == (0, None, None)


async def test_no_mail_server_is_an_error_of_the_mail_alone(database: Database) -> None:
    await ask(database, "a")
    with mail_server() as post:
        pass
    assert await Notifier(database, settings(post)).poll() == 0
    assert (await digest(database)).failures == 1


async def test_a_crash_between_mail_and_commit_sends_the_same_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask(database, "a")

    class Crash(BaseException):
        """As a process that is killed."""

    async def crash(*_: Any, **__: Any) -> None:
        raise Crash

    with mail_server() as post:
        notifier = Notifier(database, settings(post))
        with monkeypatch.context() as patched:
            patched.setattr(digests, "told", crash)
            with pytest.raises(Crash):
                await notifier.poll()
        # Its claim holds others back for a while.
        assert await notifier.poll() == 0
        await again(database)
        assert await notifier.poll() == 1
        first, second = post.came
        assert first["Message-ID"] == second["Message-ID"]


async def test_an_address_that_is_refused_keeps_no_other_from_being_told(
    database: Database,
) -> None:
    await ask(database, "a")
    with mail_server() as post:
        post.unknown = {DANA}
        assert await Notifier(database, settings(post)).poll() == 1
        assert post.recipients == [[FAY]]
    assert (await digest(database)).error == "1 of 2 addresses were refused"


async def test_who_is_next_in_line_is_told_of_a_yes_that_is_late(database: Database) -> None:
    line = Need(
        occasion=Occasion.CREDIT, why="credits 1", roles=(Role.OPERATIONS,), then=(Role.FINANCE,)
    )
    for name, needs in (("a", (line,)), ("b", ())):
        late = NOW - timedelta(hours=1)
        await ask(
            database,
            name,
            code="approval_needed",
            owner="operations",
            subject=f"in_{name}",
            escalated_at=late,
        )
        async with database.transaction() as conn:
            asked = ApprovalAsked(content="c", needs=needs)
            await approvals.ask(conn, "acme", f"in_{name}", asked)
    with mail_server() as post:
        assert await Notifier(database, settings(post)).poll() == 1
        assert post.came[0]["Subject"] == "Trueup acme, finance: 1 escalated"
        await again(database)
        assert await Notifier(database, settings(post)).poll() == 0


async def test_it_is_encrypted_and_signed_in_where_that_is_set(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of a handshake that fails the library tells when the time is up.
    monkeypatch.setattr(mail, "BOUND", 2.0)
    await ask(database, "a")
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "wrong").write_text("guessed")
    with mail_server(tls=context) as post:
        # Who cannot prove to be the mail server is told nothing.
        strangers = Notifier(database, settings(post, tmp_path, **_signed_in("password")))
        assert await strangers.poll() == 0
        assert post.came == []
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        for name, sent in (("wrong", 0), ("absent", 0), ("password", 1)):
            await again(database)
            notifier = Notifier(database, settings(post, tmp_path, **_signed_in(name)))
            assert await notifier.poll() == sent, name
    assert len(post.came) == 1


def _signed_in(name: str) -> dict[str, str]:
    return {"encryption": "starttls", "user": USER, "password": f"file:{name}"}
