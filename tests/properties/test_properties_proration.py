"""Whatever is changed in a period: what is read of it is what billing charges, to the cent."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from canonical_models.documents import BillingDocument
from connectors.config import ConnectionConfig
from connectors.stripe.adapter import StripeBilling
from sandbox.simulators.stripe.app import create_app
from tests.harness.e2e_seller import Final, Sale, Shelf, Step, Stripe, billed

# Shrinking a failure takes its time.
pytestmark = pytest.mark.timeout(400)

MONTH = 30 * 86400
#: 1 November 2026; the month has 30 days.
START = 1793491200
#: Two digits, none, and three.
CURRENCIES = ("eur", "jpy", "kwd")

steps = st.lists(
    st.builds(
        Step,
        verb=st.sampled_from(["quantity", "price", "price", "add", "remove"]),
        at=st.integers(0, MONTH - 1),
        which=st.integers(0, 5),
        price=st.integers(0, 5),
        quantity=st.integers(0, 1000),
        behaviour=st.sampled_from(["create_prorations", "always_invoice", "none"]),
    ),
    max_size=7,
)
endings = st.one_of(
    st.none(),
    st.builds(
        Step,
        verb=st.sampled_from(["cancel", "end_at_period"]),
        at=st.integers(0, MONTH - 1),
        behaviour=st.sampled_from(["always_invoice", "none"]),
    ),
)


@dataclass(frozen=True)
class Platform:
    """The simulator without a socket: as its API shows it, and as our adapter reads it."""

    stripe: Stripe
    adapter: StripeBilling
    shelves: dict[str, Shelf]


@pytest.fixture(scope="module")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    folder = tmp_path_factory.mktemp("billing")
    transport = httpx.ASGITransport(create_app(folder / "stripe.sqlite"))
    key = "sk_test_properties"
    config = ConnectionConfig(
        name="billing",
        vendor="stripe",
        base_url="http://stripe.test",
        secrets={"api_key": SecretStr(key)},
    )
    http = httpx.AsyncClient(
        transport=transport,
        base_url=config.base_url,
        headers={"Authorization": f"Bearer {key}"},
    )
    async with http, StripeBilling.connect(config, transport=transport) as adapter:
        stripe = Stripe(http)
        yield Platform(stripe, adapter, {code: await stripe.shelf(code) for code in CURRENCIES})


@pytest.mark.parametrize(
    "inside",
    [
        pytest.param(None, id="untaxed", marks=pytest.mark.slow),
        pytest.param(False, id="on-top", marks=pytest.mark.slow),
        pytest.param(True, id="inside"),
    ],
)
@settings(
    max_examples=25,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)
@given(
    currency=st.sampled_from(CURRENCIES),
    changes=steps,
    ending=endings,
    mode=st.sampled_from(["classic", "flexible"]),
)
async def test_what_is_read_is_what_is_billed(
    platform: Platform,
    inside: bool | None,
    currency: str,
    changes: list[Step],
    ending: Step | None,
    mode: str,
) -> None:
    stripe, shelf = platform.stripe, platform.shelves[currency]
    terms = {"billing_mode[type]": mode}
    if inside is not None:
        taxed = str(inside).lower()
        rate = await stripe.make("tax_rates", display_name="VAT", percentage=19, inclusive=taxed)
        terms["default_tax_rates[0]"] = rate["id"]
    if ending is not None and inside:
        # Billing says what tax is inside a line only once it is on an invoice.
        ending = replace(ending, behaviour="always_invoice")
    sale = await Sale.begin(stripe, shelf, START, 3, **terms)
    sequence = sorted([*changes, *([ending] if ending else [])], key=lambda step: step.at)
    for step in sequence:
        if await sale.apply(step):
            await agrees(platform, sale, inside=bool(inside))
    # Past the end of the period and the hour for which a renewal stays a draft: what waited as
    # an item has become a line of an invoice.
    await sale.move_to(START + MONTH + 2 * 3600)
    await agrees(platform, sale, inside=bool(inside))


async def agrees(platform: Platform, sale: Sale, *, inside: bool) -> None:
    """Every final document whole and to the cent, and what waits beside them: which, where billing
    says what tax is inside a line only once it is on an invoice."""
    found = await platform.adapter.snapshot(
        sale.subscription, since=datetime.fromtimestamp(START, UTC)
    )
    assert not found.refused
    theirs = await billed(platform.stripe, sale)
    ours = {document.document_id: _read(document) for document in found.documents}
    assert ours == theirs.final
    waiting = {line.line_id: line.net.minor for line in found.unbilled.lines if line.net.minor}
    assert (waiting.keys() == theirs.waiting.keys()) if inside else (waiting == theirs.waiting)


def _read(document: BillingDocument) -> Final:
    return Final(
        gross=document.gross.minor,
        tax=document.tax.minor,
        lines={line.line_id: line.net.minor for line in document.lines},
    )
