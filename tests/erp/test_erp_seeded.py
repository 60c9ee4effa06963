"""The seeded database: made anew when what it is made by changes, and the same in every copy."""

import ast
import contextlib
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from sandbox.erp import seed, seeded
from sandbox.erp.installation import ErpInstallation, ErpStartError
from sandbox.erp.instance import ErpInstance, SeededDatabase
from sandbox.erp.server import DEFAULT_VENV, TrytonServer
from tests.erp.clerk import Clerk
from tests.erp.conftest import MakeRest

pytestmark = [pytest.mark.erp, pytest.mark.timeout(300)]

#: How it is told to the ERP, which changes nothing of what is told.
MEANS = {"files", "rpc"}
LETTERS = ("read", "write", "create", "delete")
RIGHTS = {
    "": {"commission.plan"},
    "r": {
        *("account.account", "account.configuration", "account.fiscalyear", "account.journal"),
        *("account.invoice.payment.method", "account.invoice.payment_term", "account.period"),
        *("account.move.reconcile.write_off", "account.tax", "account.tax.rule"),
        *("commission", "commission.agent", "company.company", "currency.currency"),
        *("ir.model.access", "ir.module", "product.category", "product.template"),
        *("res.group", "res.user"),
    },
    "rc": {"account.move.reconciliation"},
    "rwcd": {
        *("account.invoice", "account.invoice.line", "account.invoice.tax"),
        *("account.invoice.deferred", "account.move", "account.move.line", "account.tax.line"),
        *("party.address", "party.identifier", "party.party"),
    },
}


def test_all_that_the_seed_imports_is_in_the_recipe() -> None:
    folder = Path(seeded.__file__).parent
    asked, found = [Path(seed.__file__)], set()
    while asked:
        path = asked.pop()
        found.add(path)
        for name in _imported(path):
            one = folder / f"{name}.py"
            if name not in MEANS and one not in found:
                asked.append(one)

    assert len(found) > 5
    assert found <= set(seeded.recipe_files())


def test_the_recipe_follows_each_file_and_each_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = _environment(tmp_path / "venv")
    installation = ErpInstallation(tmp_path / "venv")
    copies = [Path(shutil.copy(path, tmp_path)) for path in seeded.recipe_files()]
    monkeypatch.setattr(seeded, "recipe_files", lambda: copies)

    def recipes() -> tuple[str, str]:
        return (
            seeded.recipe(installation, module=False),
            seeded.recipe(installation, module=True),
        )

    known = [recipes()]
    assert known[0][0] != known[0][1]
    for path in copies:
        path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
        known.append(recipes())
    (site / "trytond-8.2.1.dist-info").rename(site / "trytond-8.2.2.dist-info")
    known.append(recipes())
    assert len({plain for plain, _ in known}) == len(known)
    assert len({extended for _, extended in known}) == len(known)

    (site / "trytond_trueup-8.2.0.dist-info" / "RECORD").write_text("other", encoding="utf-8")
    assert recipes()[0] == known[-1][0]
    assert recipes()[1] != known[-1][1]


def test_a_module_that_is_not_installed_is_asked_for(tmp_path: Path) -> None:
    site = _environment(tmp_path)
    shutil.rmtree(site / "trytond_trueup-8.2.0.dist-info")

    assert seeded.recipe(ErpInstallation(tmp_path), module=False)
    with pytest.raises(ErpStartError, match="tryton_trueup"):
        seeded.recipe(ErpInstallation(tmp_path), module=True)


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"recipe": "of old"}, {"recipe": None}, {"facts": {}}], ids=str)
async def test_an_erp_of_another_recipe_is_refused_and_left_alone(
    tmp_path: Path, erp_cache: Path, change: dict[str, Any]
) -> None:
    installation = ErpInstallation(DEFAULT_VENV)
    await seeded.copy_seeded(installation, erp_cache, tmp_path)
    path = tmp_path / seeded.CREDENTIALS_FILE
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(document | change), encoding="utf-8")
    before = (tmp_path / seeded.DATABASE_FILE).read_bytes()

    with pytest.raises(ErpStartError, match="another version"):
        await TrytonServer(tmp_path, cache=erp_cache).start()

    assert (tmp_path / seeded.DATABASE_FILE).read_bytes() == before


@pytest.mark.slow
async def test_an_erp_does_not_get_or_lose_the_module_on_the_way(
    tmp_path: Path, erp_cache: Path
) -> None:
    await seeded.copy_seeded(ErpInstallation(DEFAULT_VENV), erp_cache, tmp_path)

    with pytest.raises(ErpStartError, match="another version"):
        await TrytonServer(tmp_path, cache=erp_cache, module=True).start()


@pytest.mark.slow
def test_both_come_from_one_seed(erp: ErpInstance, erp_with_module: ErpInstance) -> None:
    assert erp.credentials == erp_with_module.credentials
    assert erp.facts.model_copy(update={"module": True}) == erp_with_module.facts


@pytest.mark.slow
async def test_a_copy_is_one_file_that_is_whole(tmp_path: Path, erp_cache: Path) -> None:
    await seeded.copy_seeded(ErpInstallation(DEFAULT_VENV), erp_cache, tmp_path, module=True)

    assert _names(tmp_path) == {seeded.CREDENTIALS_FILE, seeded.DATABASE_FILE}
    with contextlib.closing(sqlite3.connect(tmp_path / seeded.DATABASE_FILE)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        active = database.execute("SELECT name FROM ir_module WHERE state = 'activated'")
        modules = {name for (name,) in active}
    assert {"account_invoice_defer", "commission", "trueup"} <= modules
    assert SeededDatabase.load(tmp_path / seeded.CREDENTIALS_FILE).facts.module


@pytest.mark.slow
@pytest.mark.parametrize("company", ["LE-DE", "LE-US"])
async def test_accounts_and_taxes_are_what_the_facts_say(rest: MakeRest, company: str) -> None:
    client = rest(company)
    facts = client.company

    accounts = await client.search(
        "account.account",
        [["id", "in", [account.id for account in facts.accounts.values()]]],
        ["code", "company", "type.revenue", "type.receivable", "type.statement"],
    )
    taxes = await client.search(
        "account.tax", [["company", "=", facts.id]], ["name", "description", "rate"]
    )

    by_id = {row["id"]: row for row in accounts}
    for account in facts.accounts.values():
        assert (by_id[account.id]["code"], by_id[account.id]["company"]) == (
            account.code,
            facts.id,
        )
    # What an invoice's line may be booked on, and what a deferral may.
    for role in ("revenue", "goodwill", "rounding"):
        assert by_id[facts.accounts[role].id]["type"]["revenue"], role
    assert by_id[facts.receivable_account]["type"]["receivable"]
    assert by_id[facts.deferred_account]["type"]["statement"] == "balance"
    assert {row["id"]: (row["name"], row["description"], row["rate"]) for row in taxes} == {
        tax.id: (tax.name, tax.name, {"__class__": "Decimal", "decimal": tax.rate})
        for tax in facts.taxes.values()
    }


@pytest.mark.slow
async def test_the_connectors_user_may_do_no_more_than_it_does(clerk: Clerk) -> None:
    models = [model for group in RIGHTS.values() for model in group]

    access = await clerk.rpc.call("model.ir.model.access.get_access", models)

    found: dict[str, set[str]] = {}
    for model in models:
        rights = "".join(right[0] for right in LETTERS if access[model][right])
        found.setdefault(rights, set()).add(model)
    assert found == RIGHTS


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _imported(path: Path) -> set[str]:
    """The modules of `sandbox.erp` that a file of it imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "sandbox.erp":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sandbox.erp."):
            found.add(str(node.module).removeprefix("sandbox.erp."))
    return found


def _environment(venv: Path) -> Path:
    """What an installation looks at, made up; the folder of its packages."""
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "trytond").touch()
    site = venv / "lib" / "python3.11" / "site-packages"
    for name in ("trytond-8.2.1", "trytond_trueup-8.2.0"):
        (site / f"{name}.dist-info").mkdir(parents=True)
        (site / f"{name}.dist-info" / "RECORD").write_text(name, encoding="utf-8")
    return site
