"""`trueup audit`: verify and export."""

import csv
import io
import json

import pytest

from cli.audit import cell
from persistence.database import Database
from tests.audit.written import all_sealed, decided, tamper, told
from tests.cli_groups.conftest import Trueup


async def test_a_chain_that_holds(trueup: Trueup, database: Database) -> None:
    await told(database)
    await decided(database)
    await all_sealed(database)
    await told(database)
    found = await trueup("audit", "verify")
    assert found.code == 0
    assert "holds" in found.out
    assert "1 of outbox, the oldest of " in found.out
    (said,) = (await trueup("audit", "verify", "-o", "json")).json
    assert (said["sealed"], said["broken"], said["first"]) == (3, 0, None)
    again = await trueup("audit", "verify", "--head", said["head"])
    assert again.code == 0


async def test_a_chain_that_is_broken_ends_with_1_and_says_where(
    trueup: Trueup, database: Database
) -> None:
    await told(database)
    await all_sealed(database)
    tamper(database.dsn, """update outbox set event = event || '{"subject": "in_2"}'""")
    found = await trueup("audit", "verify")
    assert found.code == 1
    assert "broken: 1" in found.out
    assert "seal 1, which is of outbox 1, about in_1: event is not what was sealed" in found.err
    assert "docs/runbooks/audit.md" in found.err
    assert (await trueup("audit", "verify", "-o", "json")).json[0]["first"]["object"] == "in_1"


async def test_a_head_that_is_none_is_wrong_usage(trueup: Trueup) -> None:
    assert (await trueup("audit", "verify", "--head", "7")).code == 2


#: What spreadsheets have been made to run, and what it becomes.
INJECTIONS = {
    "=cmd|' /C calc'!A0": "'=cmd|' /C calc'!A0",
    '=HYPERLINK("http://x","y")': '\'=HYPERLINK("http://x","y")',
    "+1+1": "'+1+1",
    "-2+3": "'-2+3",
    "@SUM(1)": "'@SUM(1)",
    "\t=1+1": "'\t'=1+1",
    "\r=1+1": "'\r'=1+1",
    "\n=1+1": "'\n'=1+1",
    "  =1+1": "  '=1+1",
    "\uff1d1+1": "'\uff1d1+1",
    '";=1+1': "\";'=1+1",
    "two\n=1+1": "two\n'=1+1",
}


@pytest.mark.parametrize(("text", "safe"), INJECTIONS.items())
def test_no_cell_is_a_formula(text: str, safe: str) -> None:
    assert cell(text) == safe


def test_other_cells_are_as_they_are() -> None:
    values = (None, "INV-1", "a=b; c", {"net": -1}, 7)
    assert [cell(value) for value in values] == ["", "INV-1", "a=b; c", '{"net": -1}', "7"]


async def test_a_table_for_spreadsheets(trueup: Trueup, database: Database) -> None:
    for text in INJECTIONS:
        await told(database, by=text, reason=text)
    await all_sealed(database)
    exported = await trueup("audit", "export", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(exported.out, newline="")))
    assert len(rows) == len(INJECTIONS)
    for row, text in zip(rows, INJECTIONS, strict=True):
        assert row["who"] == row["reason"] == cell(text)
        assert json.loads(row["after"])["invoice_id"] == "in_1"
        assert not [value for value in row.values() if value.startswith(tuple("=+-@\t\r\n"))]
    # Nor where cells are split at semicolons.
    for cells in csv.reader(io.StringIO(exported.out, newline=""), delimiter=";"):
        assert not [value for value in cells if value.startswith(("=", "+", "@"))]


async def test_lines_for_programs(trueup: Trueup, database: Database) -> None:
    await told(database, change_id="chg_1")
    await decided(database)
    await told(database, tenant="globex")
    await all_sealed(database)
    exported = await trueup("audit", "export", "--format", "jsonl")
    lines = [json.loads(line) for line in exported.out.splitlines()]
    assert [line["number"] for line in lines] == [1, 2, 3]
    assert "globex" not in exported.out
    one = await trueup("audit", "export", "--format", "jsonl", "--object", "chg_1")
    assert [json.loads(line)["source"] for line in one.out.splitlines()] == ["outbox"]
    none = await trueup("audit", "export", "--format", "jsonl", "--to", "2026-01-01")
    assert (none.code, none.out) == (0, "")
