"""Events of accounts under a platform, which come to the platform's address: each is kept for the
tenant whose account it is, and for nobody else."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from connectors.stripe.options import StripeOptions
from connectors.stripe.webhooks import StripeWebhooks
from runtime.settings import Settings, SettingsError, load
from starter_api.app import create_app, intake_connections
from starter_api.intake import IntakeConnection
from tests.harness.serving import serving
from tests.harness.webhooks import CONNECTION, PATH, SECRET, TENANT, signed, subscription_event

OURS, THEIRS, NOBODYS = "acct_branch", "acct_other", "acct_nobodys"


@pytest.fixture
async def intake(dsn: str) -> AsyncIterator[httpx.AsyncClient]:
    branch = StripeWebhooks(StripeOptions(account=OURS))
    connections = {
        (TENANT, CONNECTION): IntakeConnection(
            StripeWebhooks(), (SECRET,), {OURS: ("branch", "stripe")}
        ),
        # It has no address of its own: nothing is signed for it.
        ("branch", "stripe"): IntakeConnection(branch, ()),
    }
    app = create_app(dsn=dsn, connections=connections)
    async with serving(app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield client


def kept(dsn: str) -> dict[str, tuple[str, str]]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("select event_id, tenant, connection from inbox").fetchall()
    return {event: (tenant, name) for event, tenant, name in rows}


async def test_an_event_is_kept_for_whose_account_it_is(
    intake: httpx.AsyncClient, dsn: str
) -> None:
    for event, of in (
        ("evt_own", {}),
        ("evt_ours", {"account": OURS}),
        ("evt_thin", {"context": OURS}),
        ("evt_nobodys", {"account": NOBODYS}),
        ("evt_odd", {"account": 7}),
    ):
        body = subscription_event(event, **of)
        assert (await intake.post(PATH, content=body, headers=signed(body))).status_code == 202
        again = await intake.post(PATH, content=body, headers=signed(body))
        assert again.status_code == 200
    assert kept(dsn) == {
        "evt_own": (TENANT, CONNECTION),
        "evt_ours": ("branch", "stripe"),
        "evt_thin": ("branch", "stripe"),
        # Said with the reason by whoever reads it: see `test_dispatch_reading.py`.
        "evt_nobodys": (TENANT, CONNECTION),
        "evt_odd": (TENANT, CONNECTION),
    }


async def test_nobody_is_told_for_another_without_the_platforms_signature(
    intake: httpx.AsyncClient, dsn: str
) -> None:
    body = subscription_event("evt_1", account=OURS)
    forged = await intake.post(PATH, content=body, headers=signed(body, secret="whsec_guess"))
    own = await intake.post("/webhooks/branch/stripe", content=body, headers=signed(body))
    assert (forged.status_code, own.status_code) == (401, 401)
    assert kept(dsn) == {}


PLAIN = """
[database]
dsn = "postgresql://localhost/none"

[tenants.{name}]
billing = "stripe"
erp = "erp"
support = "desk"

[tenants.{name}.connections.stripe]
vendor = "stripe"
base_url = "https://api.stripe.com"
books_from = 2026-01-01
secrets = {{ api_key = "env:PATH" }}
{connected}
{options}

[tenants.{name}.connections.erp]
vendor = "tryton"
base_url = "https://erp.example"

[tenants.{name}.connections.desk]
vendor = "zendesk"
base_url = "https://acme.zendesk.com"
"""


def settings(folder: Path, connected: str, branch: str) -> Settings:
    """Of a platform, and of the tenant `branch` whose billing has the `branch` options."""
    platform = PLAIN.format(name="platform", connected=connected, options="")
    other = PLAIN.format(name="branch", connected="", options=branch)
    file = folder / "trueup.toml"
    file.write_text(platform + other.replace('[database]\ndsn = "postgresql://localhost/none"', ""))
    return load(file)


def test_both_sides_say_whose_the_account_is(tmp_path: Path) -> None:
    given = settings(
        tmp_path, f'connected = {{ {OURS} = "branch" }}', f'options = {{ account = "{OURS}" }}'
    )
    found: dict[Any, IntakeConnection] = intake_connections(given)
    assert found["platform", "stripe"].connected == {OURS: ("branch", "stripe")}
    assert found["branch", "stripe"].connected == {}


@pytest.mark.parametrize(
    ("connected", "branch", "words"),
    [
        (f'{OURS} = "nobody"', OURS, "no tenant is called that"),
        (f'{OURS} = "branch"', THEIRS, f"is of {THEIRS}: give it the option account"),
        (f'{OURS} = "branch"', None, "is of no connected account"),
        (f'{OURS} = "platform"', OURS, "is of no connected account"),
    ],
)
def test_what_one_side_alone_says_is_refused_before_anything_runs(
    tmp_path: Path, connected: str, branch: str | None, words: str
) -> None:
    options = f'options = {{ account = "{branch}" }}' if branch else ""
    with pytest.raises(SettingsError, match=words):
        settings(tmp_path, f"connected = {{ {connected} }}", options)
