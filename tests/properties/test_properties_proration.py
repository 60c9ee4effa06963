"""Whatever is changed in a period: what is planned for the ERP is what billing charges, once."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from decimal import Decimal

import httpx
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from canonical_models.amendment import AmendmentPlan
from canonical_models.commerce import BillingSnapshot, Subscription
from canonical_models.entitlement import SupportEntitlement
from canonical_models.ledgering import (
    AccountMapping,
    CarriedLine,
    DocumentLine,
    ItemMapping,
    LedgerAnswer,
    LegalEntity,
    TaxDetermination,
)
from connectors.config import ConnectionConfig
from connectors.stripe.adapter import StripeBilling
from planning.amendment import PlanInput, plan_amendment
from simulators.stripe.app import create_app
from tests.harness.e2e_seller import Sale, Shelf, Step, Stripe, billed

# Shrinking a failure takes its time.
pytestmark = pytest.mark.timeout(400)

MONTH = 30 * 86400
#: 1 November 2026; the month has 30 days.
START = 1793491200
RATE = Decimal("0.19")
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


class Books:
    """An ERP on paper: every document that the plans of one subscription would post."""

    def __init__(self, shelf: Shelf) -> None:
        self.lines: list[DocumentLine] = []
        self._previous: Subscription | None = None
        self._asked: dict[str, str] = {}
        self._items = {
            key: ItemMapping(item=key, erp_item=name.upper())
            for name, key in shelf.products.items()
        }
        self._plans = 0

    def agree(self, found: BillingSnapshot) -> AmendmentPlan:
        """Take all that billing says now into the books: one period that was missed after the
        other. Answers the last plan."""
        while (plan := self._agree(found)).more:
            pass
        return plan

    def _agree(self, found: BillingSnapshot) -> AmendmentPlan:
        """Plan a change, and take its document into the books."""
        self._plans += 1
        now = found.subscription
        support = SupportEntitlement(organization="org", tier=None, contract_end=None)
        plan = plan_amendment(
            PlanInput(
                change_id=f"chg_{self._plans}",
                snapshot=found,
                previous=self._previous,
                carried=self._carried(found),
                account=AccountMapping(
                    billing_customer=now.customer.customer_id,
                    erp_party="C-1",
                    support_organization="org",
                    legal_entity="LE",
                ),
                items=self._items,
                ledger=self._answer(now.currency),
                posting_date=now.as_of.date(),
                grants=(),
                share=None,
                others=(),
                support=support,
                tiers=("standard",),
            )
        )
        if plan.document is not None:
            self.lines += plan.document.lines
        self._previous = now
        return plan

    def _carried(self, found: BillingSnapshot) -> dict[str, CarriedLine]:
        """What the books hold, with the invoice that asks for it as far as billing has one."""
        asked = {line.line_id: line.invoice_id for line in found.lines}
        self._asked |= {key: invoice for key, invoice in asked.items() if invoice}
        return {
            line.line_id: CarriedLine(
                line_id=line.line_id,
                item=line.item,
                net=line.net,
                invoice_id=self._asked.get(line.line_id),
            )
            for line in self.lines
        }

    def _answer(self, currency: str) -> LedgerAnswer:
        return LedgerAnswer(
            legal_entity=LegalEntity(code="LE", currency=currency),
            taxes=tuple(
                TaxDetermination(item=item.erp_item, tax_codes=("VAT",), rate=RATE)
                for item in self._items.values()
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


@pytest.mark.parametrize("inside", [None, False, True], ids=["untaxed", "on-top", "inside"])
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)
@given(
    currency=st.sampled_from(CURRENCIES),
    changes=steps,
    ending=endings,
    looks=st.lists(st.booleans(), min_size=8, max_size=8),
    mode=st.sampled_from(["classic", "flexible"]),
)
async def test_what_is_planned_is_what_is_billed(
    platform: Platform,
    inside: bool | None,
    currency: str,
    changes: list[Step],
    ending: Step | None,
    looks: list[bool],
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
    books = Books(shelf)
    sequence = sorted([*changes, *([ending] if ending else [])], key=lambda step: step.at)
    for step, look in zip(sequence, looks, strict=False):
        # An event that comes late finds several changes at once.
        if await sale.apply(step) and look:
            books.agree(await platform.adapter.snapshot(sale.subscription, since=None))
    # Past the end of the period and the hour for which a renewal stays a draft: what waited as
    # an item has become a line of an invoice.
    await sale.move_to(START + MONTH + 2 * 3600)
    books.agree(await platform.adapter.snapshot(sale.subscription, since=None))
    theirs = await billed(stripe, sale)
    posted = [(line.line_id, line.net.minor) for line in books.lines]
    assert sorted(posted) == sorted(theirs.items())
    assert {line.net.currency for line in books.lines} <= {currency.upper()}
    again = books.agree(await platform.adapter.snapshot(sale.subscription, since=None))
    assert again.document is None
