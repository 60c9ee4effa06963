"""Every route and every command, by every role, of the own and another tenant: all of them."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from canonical_models.acts import Act, Role
from cli.acts import COMMANDS
from cli.main import app as trueup_app
from cli.output import ExitCode
from persistence.database import Database
from starter_api.auth import Needs
from tests.api.seeding import Ids, seeded
from tests.api.test_api_keys_and_scopes import OPERATIONS
from tests.cli_groups.conftest import Trueup, trueup_with
from tests.harness.people import keep_key, personal_key
from tests.permissions.matrix import HIDDEN, MATRIX

#: What takes no key: it says that the process lives, and what the API is.
OPEN = {"/healthz", "/openapi.json"}
#: What a command is called with, where it takes anything; `acme` is replaced by another tenant's.
ARGUMENTS = {
    "accounts list": (),
    "accounts open": ("cus_acme", "--dry-run"),
    "accounts place": ("cus_acme",),
    "accounts show": ("cus_acme",),
    "accounts sync": ("cus_acme",),
    "adopt": (),
    "audit export": ("--format", "csv"),
    "audit verify": (),
    "backfill history": (),
    "backfill mapping": ("prod_acme",),
    "backfill publish": (),
    "backfill show": ("bfl_acme",),
    "batches approval": ("rel_acme",),
    "batches approve": ("rel_acme", "--digest", "a41f"),
    "batches list": (),
    "batches pause": ("bat_acme",),
    "batches resume": ("bat_acme",),
    "batches show": ("bat_acme",),
    "batches stop": ("bat_acme",),
    "cash look": (),
    "cash payouts": (),
    "cash show": (),
    "causes assign": (Ids("acme").cause, "sam"),
    "causes comment": (Ids("acme").cause, "asked"),
    "causes list": (),
    "causes show": (Ids("acme").cause,),
    "causes tag": (Ids("acme").cause, "vat"),
    "changes cancel": ("chg_acme_next",),
    "changes list": (),
    "changes hold": ("chg_acme_next", "--reason", "moved"),
    "changes release": ("chg_acme_next",),
    "changes show": ("chg_acme_done",),
    "changes signal": ("chg_acme_waits", "newer_change"),
    "close": ("LE-acme", "2026-01"),
    "connections drifts": (),
    "connections list": (),
    "connections record": ("stripe", "--for", "1s", "--file", "nowhere.jsonl"),
    "differences": (),
    "dunning list": (),
    "entitlements check": ("cus_acme", "seats"),
    "entitlements grant": ("cus_acme", "sso", "--reason", "pilot"),
    "entitlements list": ("cus_acme",),
    "entitlements restore": ("owned-by-acme",),
    "entitlements revoke": ("owned-by-acme",),
    "entitlements suspend": ("owned-by-acme", "--reason", "unpaid"),
    "exceptions assign": ("exc_acme_open", "sam"),
    "exceptions comment": ("exc_acme_open", "asked"),
    "exceptions list": (),
    "exceptions preview": ("exc_acme_open",),
    "exceptions release": ("pre_acme", "--reason", "mended"),
    "exceptions reopen": ("exc_acme_done", "--reason", "wanted after all"),
    "exceptions resolve": ("exc_acme_open", "retry"),
    "exceptions show": ("exc_acme_open",),
    "exceptions tag": ("exc_acme_open", "vat"),
    "exceptions undo-release": ("rel_acme", "--reason", "wrong article"),
    "exceptions undoes": ("exc_acme_open",),
    "inbox list": (),
    "inbox replay": ("rcp_acme",),
    "inbox replay-all": ("--reason", "mended"),
    "inbox show": ("rcp_acme",),
    "invoices correct": ("in_acme_alone", "--tax-code", "X"),
    "invoices hold": ("in_acme_alone", "--reason", "disputed"),
    "invoices link": ("in_acme_alone", "INV-1"),
    "invoices list": (),
    "invoices release": ("in_acme_alone",),
    "invoices show": ("in_acme",),
    "invoices skip": ("in_acme_alone", "--reason", "ours"),
    "invoices sync": ("in_acme",),
    "invoices take-back": ("in_acme_alone", "--reason", "wrong article"),
    "keys create": ("portal", "--scope", "events:read"),
    "keys list": (),
    "keys revoke": ("tk_0000000000000000",),
    "keys rotate": ("tk_0000000000000000",),
    "keys usage": (),
    "mappings list": (),
    "mappings set account": ("cus_1", "--party", "C-1", "--entity", "DE"),
    "mappings set item": ("prod_x", "--erp-item", "X"),
    "notify test": ("finance",),
    "numbers": (),
    "people add": ("sam", "--role", "support"),
    "people invite": ("sam",),
    "people list": (),
    "people password": (),
    "people remove": ("sam",),
    "people role": ("sam", "viewer"),
    "periods accept": ("LE-acme", "2026-01", "dif_acme", "--reason", "agreed"),
    "periods list": (),
    "periods print": ("LE-acme", "2026-01", "report.html"),
    "periods reopen": ("LE-acme", "2026-01", "--reason", "late"),
    "periods show": ("LE-acme", "2026-01"),
    "periods withdraw": ("LE-acme", "2026-01", "dif_acme", "--reason", "a slip"),
    "privacy erase": ("cus_acme",),
    "renewals list": (),
    "shadow list": (),
    "shadow look": (),
    "shadow show": ("chg_acme",),
    "shadow status": (),
    "shadow trial": ("tri_acme",),
    "shadow try": ("--since", "2026-11-01"),
    "streams add": ("desk", "https://desk.example.com", "--secret", "desk"),
    "streams deliveries": ("crm-acme",),
    "streams list": (),
    "streams pause": ("crm-acme",),
    "streams remove": ("crm-acme",),
    "streams resend": ("crm-acme", "1"),
    "streams resume": ("crm-acme",),
    "streams rotate": ("crm-acme", "--finish"),
    "streams test": ("crm-acme",),
    "subscriptions list": (),
    "subscriptions orders": ("sub_acme",),
    "subscriptions preview": ("sub_acme", "--quantities", "2"),
    "subscriptions show": ("sub_acme",),
    "reconcile": (),
    "subscriptions sync": ("sub_acme",),
    "support context": ("--customer", "cus_acme"),
    "targets check": (),
    "targets publish": (),
}
#: Of a decision the act depends on what is decided, and of whose exception: of finance here.
RESOLVE = frozenset({Role.FINANCE, Role.ADMIN})


@pytest.fixture
def dsn(module_dsn: str) -> str:
    """One database for all: what is refused changes nothing."""
    return module_dsn


def commands() -> Iterator[str]:
    """Every command there is, as it is typed."""

    def within(group: Any, words: tuple[str, ...]) -> Iterator[str]:
        # click's own context, of whatever kind of command
        here = typer.Context(group)
        for name in group.list_commands(here):
            command = group.get_command(here, name)
            if hasattr(command, "list_commands"):
                yield from within(command, (*words, name))
            else:
                yield " ".join((*words, name))

    return within(typer.main.get_command(trueup_app), ())


def test_no_command_is_without_an_act() -> None:
    assert set(commands()) == set(COMMANDS)
    assert len(COMMANDS) > 50


def test_no_command_of_a_tenant_is_left_out_here() -> None:
    programs = {name for name, act in COMMANDS.items() if act is Act.INSTALLATION_RUN}
    assert set(ARGUMENTS) == set(COMMANDS) - programs - {"login", "logout"}


def test_no_route_is_without_an_act(app: FastAPI) -> None:
    acts = {}
    for route in _routes(app.routes):
        if getattr(route, "path", "") not in OPEN:
            assert isinstance(route, APIRoute), route
            acts[route.path, *sorted(route.methods or ())] = {
                n.act for n in _needs(route.dependant)
            }
    assert len(acts) == len(OPERATIONS)
    assert {where: len(found) for where, found in acts.items() if len(found) != 1} == {}


def _routes(routes: Iterable[Any]) -> Iterator[Any]:
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from _routes(included.routes)


def _needs(dependant: Dependant) -> Iterator[Needs]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, Needs):
            yield inner.call
        yield from _needs(inner)


#: What fewer people may do than a key of its scope.
NARROWER = {"/v1/releases/rel_acme/approve": "exceptions:approve"}


@pytest.mark.parametrize("role", Role)
async def test_a_route_is_open_to_whom_its_act_is(
    role: Role,
    api: httpx.AsyncClient,
    database: Database,
) -> None:
    await seeded(database, "acme")
    key = await personal_key(database, "acme", f"{role.value}-here", role)
    wrong = []
    for method, path, scope in OPERATIONS:
        answer = await api.request(method, path, headers={"authorization": f"Bearer {key}"})
        allowed = role in MATRIX[NARROWER.get(path, scope)]
        if (answer.status_code == 403) == allowed or answer.status_code == 401:
            wrong.append((method, path, answer.status_code))
    assert wrong == []


@pytest.mark.parametrize("role", Role)
async def test_another_tenants_objects_are_not_there(
    role: Role,
    api: httpx.AsyncClient,
    database: Database,
) -> None:
    await seeded(database, "acme")
    key = await personal_key(database, "globex", f"{role.value}-there", role)
    shown = []
    for method, path, scope in OPERATIONS:
        allowed = role in MATRIX[NARROWER.get(path, scope)]
        if "acme" not in path.partition("?")[0] or not allowed:
            continue
        # Without a body a write is refused for that, before anything is looked for.
        answer = await api.request(
            method,
            path,
            headers={"authorization": f"Bearer {key}"},
            json=None if method == "GET" else _body(path),
        )
        if answer.status_code != 404:
            shown.append((method, path, answer.status_code, answer.text))
    assert shown == []


_BODIES: dict[str, dict[str, Any]] = {
    "resolve": {"action": "retry"},
    "signal": {"name": "newer_change"},
    "link": {"document": "INV-1"},
    "correct": {"tax_code": "X"},
    "assign": {"to": None},
    "tags": {"tags": []},
    "comments": {"text": "asked"},
    "add": {"preview": "pre_acme"},
    "approve": {"digest": "a41f"},
    **{
        act: {"reason": "moved"}
        for act in ["hold", "skip", "take-back", "undo", "suspend", "reopen", "accept", "withdraw"]
    },
}


def _body(path: str) -> dict[str, Any]:
    return _BODIES.get(path.rpartition("/")[2], {})


@pytest.mark.parametrize("role", Role)
async def test_a_command_is_refused_to_whom_its_act_is(
    role: Role,
    settings_file: Callable[..., Path],
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await seeded(database, "acme")
    trueup = trueup_with(settings_file("acme"), monkeypatch)
    keep_key(tmp_path, await personal_key(database, "acme", f"{role.value}-types", role))
    for name, act in COMMANDS.items():
        if name not in ARGUMENTS:
            continue
        allowed = role in (RESOLVE if name == "exceptions resolve" else MATRIX[act])
        if not allowed:
            said = await trueup(*name.split(), *ARGUMENTS[name])
            hidden = act in HIDDEN
            assert said.code == (ExitCode.NOT_FOUND if hidden else ExitCode.CONFLICT), name
            assert ("no such thing here" if hidden else "may not") in said.err, name


async def test_another_tenants_key_opens_nothing_here(
    settings_file: Callable[..., Path],
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await seeded(database, "acme")
    trueup = trueup_with(settings_file("acme", "globex"), monkeypatch)
    keep_key(tmp_path, await personal_key(database, "globex", "gus", *Role))
    for name, words in ARGUMENTS.items():
        said = await trueup(*name.split(), *words, "--tenant", "acme")
        assert said.code == ExitCode.NOT_FOUND, name
        assert "no tenant is called acme for gus" in said.err


async def test_a_refusal_names_who_can(
    api: httpx.AsyncClient, database: Database, trueup_of_sam: Trueup
) -> None:
    await personal_key(database, "acme", "dana", Role.FINANCE)
    said = await trueup_of_sam("mappings", "set", "item", "x", "--erp-item", "X")
    assert "sam may not set account and item mappings" in said.err
    assert "dana" in said.err
    key = await personal_key(database, "acme", "sam", Role.SUPPORT)
    answer = await api.put("/v1/mappings", headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 403
    assert "dana" in answer.json()["remedy"]


@pytest.fixture
async def trueup_of_sam(
    settings_file: Callable[..., Path],
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Trueup:
    keep_key(tmp_path, await personal_key(database, "acme", "sam", Role.SUPPORT))
    return trueup_with(settings_file("acme"), monkeypatch)
