"""The most frequent jobs in a browser on a whole stack, with the real ERP: each takes as many acts
as docs/console.md says, by pointer and by keys alone.

Some are done without scripts as well, and a yes on a telephone. With `TRUEUP_PICTURES` what is seen
on the way is kept there, for the documentation (`make pictures`).
"""

from collections.abc import AsyncIterator

import pytest

from canonical_models.approvals import Occasion
from canonical_models.policy import ApprovalRule, DunningPolicy
from sandbox.demo.observed import until as seen
from sandbox.demo.world import catalogue
from sandbox.erp.instance import ErpInstance
from tests.console import chromium as browsers
from tests.console.chromium import Browser, chromium
from tests.console.persons import PICTURES, comes_in, field
from tests.console.situations import Office
from tests.harness.e2e_stack import POLICY, whole_stack
from tests.harness.erp import erp_cache, erp_with_module

__all__ = ["erp_cache", "erp_with_module"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.erp,
    pytest.mark.timeout(300),
    pytest.mark.skipif(browsers.program() is None, reason=browsers.MISSING),
]

#: Credits above a hundred euros need a yes; an unpaid invoice is asked about early.
ASKING = POLICY.model_copy(
    update={
        "books": POLICY.books.model_copy(
            update={"approvals": (ApprovalRule(on=Occasion.CREDIT, above={"EUR": 100}),)}
        ),
        "dunning": DunningPolicy(grace_days=1, reminder_days=(0,), final_days=2),
    }
)

#: Of the connection that does not answer: what the page is about.
TEST = "document.querySelector('form[data-primary] button')"


@pytest.fixture(scope="module")
async def office(
    erp_with_module: ErpInstance, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    async with whole_stack(
        erp_with_module, folder, ASKING, services=("worker", "api", "console")
    ) as front:
        yield Office(front, erp_with_module, await catalogue(front.world))


@pytest.fixture(scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with chromium(tmp_path_factory.mktemp("browser") / "profile") as found:
        yield found


def by(*ways: str, quick: str | None = None) -> pytest.MarkDecorator:
    """Each way is a case; a slice has the `quick` one alone."""
    return pytest.mark.parametrize(
        "how",
        [pytest.param(way, marks=() if way == quick else pytest.mark.long) for way in ways],
    )


@by("pointer", "keys", "without scripts", quick="pointer")
async def test_1_one_cause_that_holds_many(office: Office, browser: Browser, how: str) -> None:
    fay = await comes_in(office, browser, "fay", how)
    waiting = await office.unmapped(fay.name, 2)
    await fay.begins("/acme/work?who=me")
    await fay.opens_first()
    await fay.is_at("/acme/causes/")
    await fay.pictured("cause", dark=True)
    await fay.does(field("item.erp_item"), "e")
    await fay.types("AI-ADDON")
    await fay.sends("Preview")
    await fay.is_at("/acme/previews/")
    await fay.sees("Try one of 2")
    assert await office.posted(*waiting) == [1, 1]
    await fay.pictured("preview")
    await fay.sends("Try one of 2")
    await fay.is_at("/acme/releases/")
    await fay.sees("Release the other 1")
    assert sum(await office.posted(*waiting)) == 3
    await fay.pictured("release")
    await fay.sends("Release the other 1")
    await fay.sees("At its end")
    await office.settled(*waiting)
    assert await office.posted(*waiting) == [2, 2]
    fay.has_done("one cause that holds many cases: mend, preview, try one, release")


@by("pointer", "keys")
async def test_2_a_case_that_stands_alone(office: Office, browser: Browser, how: str) -> None:
    fay = await comes_in(office, browser, "fay", how)
    (waits,) = await office.unmapped(fay.name, 1)
    await fay.begins("/acme/work?who=me")
    await fay.opens_first()
    await fay.is_at("/acme/cases/")
    await fay.does(field("item.erp_item"), "e")
    await fay.types("AI-ADDON")
    await fay.sends("Preview")
    await fay.sees("It will go through")
    assert await office.posted(waits) == [1]
    await fay.pictured("case")
    await fay.sends("Correct")
    await fay.sees("Decided")
    await office.settled(waits)
    assert await office.posted(waits) == [2]
    fay.has_done("a case that stands alone: mend, preview, post")


@by("pointer", "keys")
async def test_3_what_was_mended_in_another_system(
    office: Office, browser: Browser, how: str
) -> None:
    sam = await comes_in(office, browser, "sam", how)
    waits = await office.refused_by_the_desk(sam.name)
    await sam.begins("/acme/work?team=all&who=me")
    await sam.opens_first()
    await sam.is_at("/acme/cases/")
    await sam.sends("Check now")
    await sam.sees("Decided")
    await office.settled(waits)
    organization = await office.world.desk.organization(waits.customer)
    assert organization["organization_fields"]["trueup_support_tier"] == "premium"
    sam.has_done("mended in another system, checked now")


@by("pointer", "keys")
async def test_4_customers_without_an_account(office: Office, browser: Browser, how: str) -> None:
    """What fits is looked up while somebody looks; taking it is theirs."""
    waiting = await office.called_as_parties(3)
    fay = await comes_in(office, browser, "fay", how)
    await fay.begins("/acme/work")
    await fay.does("document.querySelector('a[href$=\"/kinds/customers\"]')", "g", "k")
    await fay.is_at("/acme/kinds/customers")
    await fay.sees("Take all proposals: 3")
    await fay.pictured("sheet")
    assert await office.mapped(*waiting) == []
    await fay.sends("Take all proposals")
    await fay.sees("3 filled")
    await fay.sends("Keep, and preview 3")
    await fay.is_at("/acme/previews/")
    await fay.sees("Try one of 3")
    assert await office.posted(*waiting) == [0, 0, 0]
    await fay.sends("Try one of 3")
    await fay.is_at("/acme/releases/")
    await fay.sees("Release the other 2")
    assert sum(await office.posted(*waiting)) == 1
    await fay.sends("Release the other 2")
    await fay.sees("At its end")
    await office.settled(*waiting)
    assert await office.posted(*waiting) == [1, 1, 1]
    assert await office.mapped(*waiting) == sorted(each.party for each in waiting)
    fay.has_done("customers without an ERP account: take all proposals, preview, try one, release")


@by("pointer", "keys", "without scripts", "telephone")
async def test_5_a_document_is_approved(office: Office, browser: Browser, how: str) -> None:
    waits = await office.for_a_yes()
    chris = await comes_in(office, browser, "chris", how)
    assert await office.posted(waits) == [1]
    await chris.begins("/acme/work")
    await chris.does("document.querySelector('nav a[data-go=a]')", "g", "a")
    await chris.is_at("/acme/approvals")
    await chris.opens_first()
    await chris.is_at("/acme/approvals/")
    await chris.pictured("approval-telephone" if how == "telephone" else "approval")
    await chris.sends("Approve version")
    await chris.sees("Approved")
    await office.settled(waits)
    assert await office.posted(waits) == [2]
    chris.has_done("a document is approved")


@by("pointer", "keys")
async def test_6_an_invoice_that_nobody_pays(office: Office, browser: Browser, how: str) -> None:
    fay = await comes_in(office, browser, "fay", how)
    waits = await office.unpaid(fay.name)
    await fay.begins("/acme/work?who=me")
    await fay.opens_first()
    await fay.is_at("/acme/cases/")
    await fay.does(field("note"), "e")
    await fay.types("pays on the 15th")
    await fay.sends("Give more time")
    await fay.sees("Decided")

    async def answered() -> bool | None:
        return not await office.overdue(waits) or None

    await seen("the answer is taken", answered)
    fay.has_done("an invoice that nobody pays: more time")


@by("pointer", "keys", "without scripts")
async def test_7_where_somebody_asks_what_became_of_it(
    office: Office, browser: Browser, how: str
) -> None:
    (one,) = await office.customers(1)
    sam = await comes_in(office, browser, "sam", how)
    await sam.begins("/acme/work")
    await sam.does("document.getElementById('find')", "/")
    await sam.types(one.subscription)
    sam.acts += 1
    await sam.tab.presses("Enter")
    await sam.is_at(f"/acme/subscriptions/{one.subscription}")
    first = await sam.tab.says("document.querySelector('main .state').textContent")
    assert "All systems agree" in first, first
    await sam.pictured("subscription")
    sam.has_done("where is it: any id, number or address")


@by("pointer", "keys")
async def test_8_a_case_is_handed_over_with_a_question(
    office: Office, browser: Browser, how: str
) -> None:
    fay = await comes_in(office, browser, "fay", how)
    (waits,) = await office.unmapped(None, 1)
    case = await office.asked(waits)
    await fay.begins(f"/acme/cases/{case['exception_id']}")
    await fay.does("document.getElementById('to')", "a")
    await fay.types("chris")
    await fay.does("document.getElementById('question')", "Tab")
    await fay.types("which article is it?")
    await fay.sends("Assign")
    await fay.sees("which article is it?")
    assert (await office.asked(waits))["assignee"] == "chris"
    fay.has_done("hand over with a question")


@by("pointer", "keys")
async def test_10_a_message_is_read_again(office: Office, browser: Browser, how: str) -> None:
    await office.customers(1)
    olu = await comes_in(office, browser, "olu", how)
    await olu.begins("/acme/messages")
    await olu.opens_first()
    await olu.is_at("/acme/messages/")
    await olu.sends("Try out")
    await olu.sees("What would happen")
    await olu.sends("Read again")
    await olu.sees("It is being read again")
    olu.has_done("a message is tried out and read again")


@by("pointer", "keys")
async def test_9_a_system_is_away(office: Office, browser: Browser, how: str) -> None:
    """It stands behind the others: what is away is away for all. What waited goes on by itself."""
    olu = await comes_in(office, browser, "olu", how)
    async with office.without_the_desk() as waits:

        async def told() -> bool | None:
            await olu.begins("/acme/work")
            return await olu.tab.says("document.querySelector('main p.problem a') !== null") or None

        await seen("that the desk does not answer is said above the work", told)
        await olu.pictured("work-away")
        await olu.does("document.querySelector('main p.problem a')", "g", "c")
        await olu.is_at("/acme/connections")
        await olu.does(TEST, "Enter", ctrl=True)
        await olu.sees("does not work")
        olu.has_done("a system is away: banner, test")
    await office.settled(waits)
    await olu.tab.clicks("document.getElementById('test-support')")
    await olu.sees("takes our key")


@pytest.mark.skipif(not PICTURES, reason="it makes a picture alone, which nobody asked for")
async def test_what_a_day_begins_with(office: Office, browser: Browser) -> None:
    """As the pictures have it: all that may wait for people, at once."""
    await office.refused_by_the_desk("sam")
    await office.unpaid(None)
    await office.for_a_yes()
    await office.unmapped("fay", 4)
    await office.unmapped(None, 2)
    await office.called_as_parties(3)
    fay = await comes_in(office, browser, "fay", "pointer")
    await fay.begins("/acme/work?team=all")
    await fay.pictured("work", dark=True)
