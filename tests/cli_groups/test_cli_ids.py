"""Ids by their beginning, and what names nothing."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from canonical_models.failures import Rejection, RejectionCode, TransientFailure
from canonical_models.ledgering import LedgerQuestion
from canonical_models.mapping import AccountMapping, ItemMapping
from cli.output import ExitCode
from operations import mappings
from operations.context import AppContext
from operations.engine import Engine
from operations.errors import Invalid
from persistence.database import Database
from tests.api.conftest import no_temporal
from tests.api.seeding import Ids, change_row
from tests.cli_groups.conftest import Trueup
from tests.harness.rows import add


@pytest.mark.parametrize(
    "words",
    [
        ("changes", "show", "chg_acme_d"),
        ("exceptions", "show", "exc_acme_o"),
        ("inbox", "show", "rcp_"),
        ("invoices", "show", "in_acme_al"),
        ("subscriptions", "show", "sub_a"),
        ("accounts", "show", "cus_a"),
        ("entitlements", "list", "cus_a"),
        ("changes", "list", "--subscription", "sub_a"),
        ("exceptions", "list", "--change", "chg_acme_w"),
        ("invoices", "list", "--customer", "cus_a"),
        ("differences", "--entity", "D"),
    ],
)
async def test_the_beginning_of_an_id_is_enough(
    words: tuple[str, ...], trueup: Trueup, acme: Ids
) -> None:
    assert acme.tenant == "acme"
    said = await trueup(*words, "-o", "json")
    assert said.code == (ExitCode.FAILED if words[0] == "differences" else 0), said.err
    assert said.json


async def test_of_several_the_candidates_are_named(trueup: Trueup, acme: Ids) -> None:
    said = await trueup("changes", "show", "chg_acme")
    assert said.code == ExitCode.USAGE
    for name in ("done", "next", "waits"):
        assert acme.change(name) in said.err
    # One that is whole is itself, whatever begins with it.
    assert (await trueup("invoices", "show", "in_acme")).code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("changes", "list", "--subscription", "nosuch"),
        ("changes", "list", "--subject", "account:nosuch"),
        ("exceptions", "list", "--change", "nosuch"),
        ("invoices", "list", "--customer", "nosuch"),
        ("invoices", "list", "--subscription", "nosuch"),
        ("invoices", "hold", "--reason", "x", "--customer", "nosuch", "--before", "2027-01-01"),
        ("subscriptions", "list", "--customer", "nosuch"),
        ("differences", "--entity", "nosuch"),
        ("differences", "--customer", "nosuch"),
        ("targets", "check", "--customer", "nosuch"),
        ("targets", "publish", "--target", "nosuch"),
    ],
)
async def test_what_names_nothing_is_refused_with_what_there_is(
    words: tuple[str, ...], trueup: Trueup, acme: Ids
) -> None:
    said = await trueup(*words)
    assert said.code == ExitCode.NOT_FOUND, said
    assert "nosuch" in said.err
    assert any(name in said.err for name in (acme.tenant, "DE", "support"))


async def test_changes_are_found_by_what_they_came_to(
    trueup: Trueup, acme: Ids, database: Database
) -> None:
    async with database.transaction() as conn:
        await add(
            conn,
            change_row(acme, "off", "settled", outcome="cancelled"),
            change_row(acme, "again", "settled", outcome="completed", requeued=2),
        )

    async def found(*words: str) -> list[str]:
        page: Any = (await trueup("changes", "list", *words, "-o", "json")).json
        return [item["change_id"] for item in page["items"]]

    assert await found("--outcome", "cancelled") == [acme.change("off")]
    assert await found("--lost") == [acme.change("again")]
    assert await found("--outcome", "completed") == [acme.change("again"), acme.change("done")]
    refused = await trueup("changes", "list", "--outcome", "won")
    assert refused.code == ExitCode.USAGE
    assert "compensated" in refused.err


class _Erp:
    """Answers about names, as an ERP that has none of them; or not at all."""

    def __init__(self, fault: Exception) -> None:
        self.fault = fault
        self.asked: list[LedgerQuestion] = []
        self.closed = 0

    async def check(self, question: LedgerQuestion) -> None:
        self.asked.append(question)
        raise self.fault

    async def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    ("code", "mapping"),
    [
        (
            RejectionCode.PARTY_UNKNOWN,
            AccountMapping(
                billing_customer="cus_new",
                erp_party="NOSUCH",
                support_organization="cus_new",
                legal_entity="DE",
            ),
        ),
        (RejectionCode.ITEM_NOT_POSTABLE, ItemMapping(item="prod_new", erp_item="NOSUCH")),
    ],
)
async def test_a_mapping_to_what_the_erp_has_not_is_refused(
    code: RejectionCode, mapping: AccountMapping | ItemMapping, database: Database, acme: Ids
) -> None:
    erp = _Erp(Rejection(code, "the ERP has no NOSUCH", system="erp"))
    context = AppContext(
        database,
        Engine(no_temporal, namespace="default"),
        erp=lambda tenant: erp if tenant == acme.tenant else None,  # type: ignore[arg-type,return-value] # all that is asked of it
    )
    with pytest.raises(Invalid, match="NOSUCH"):
        await mappings.put(context, "acme", mapping, by="anna")
    assert (len(erp.asked), erp.closed) == (1, 1)
    # Other things that keep a document from posting are not of the mapping, nor is an outage.
    for fault in (
        Rejection(RejectionCode.PERIOD_CLOSED, "closed", system="erp"),
        TransientFailure("away", system="erp"),
    ):
        erp.fault = fault
        assert (await mappings.put(context, "acme", mapping, by="anna")).mapping


async def test_the_shell_completes_ids(settings_file: Callable[..., Path], acme: Ids) -> None:
    words = f"trueup --config {settings_file('acme')} changes show chg_acme_"
    asked = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli"),
        cwd=Path(__file__).parents[2],
        env={
            **os.environ,
            "_TRUEUP_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": "5",
        },
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await asked.communicate()
    assert said.decode().split() == [acme.change(name) for name in ("done", "next", "waits")]
