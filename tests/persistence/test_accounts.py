"""What is shown as not billed, what other systems were told of a customer, and a person's yes."""

from canonical_models.acts import Role
from canonical_models.approvals import Approval, ApprovalAsked, Need, Occasion
from canonical_models.ledgering import DraftLine, UnbilledDraft
from persistence import accounts, approvals, unbilled
from persistence.connection import Connection
from persistence.database import Database
from tests.persistence.issued import TENANT, eur

DRAFT = UnbilledDraft(
    external_id="sub_1/unbilled",
    legal_entity="LE-DE",
    party="C-1001",
    currency="EUR",
    lines=(
        DraftLine(line_id="ii_1", item="PRO", net=eur(700)),
        DraftLine(line_id="ii_2", item="PRO", net=eur(-200)),
    ),
)


async def show(
    database: Database, draft: UnbilledDraft, digest: str, subscription_id: str = "sub_1"
) -> None:
    async with database.transaction() as conn:
        await unbilled.put(conn, TENANT, subscription_id, draft, digest=digest, document_id="301")


async def test_what_is_not_billed_is_replaced_as_a_whole(database: Database) -> None:
    await show(database, DRAFT, "d1")
    later = DRAFT.model_copy(update={"lines": DRAFT.lines[:1], "legal_entity": "LE-US"})
    await show(database, later, "d2")
    async with database.statement() as conn:
        found = await unbilled.get(conn, TENANT, "sub_1")
        assert await unbilled.get(conn, "globex", "sub_1") is None
    assert found is not None
    assert (found.lines, found.net) == (later.lines, eur(700))
    assert (found.external_id, found.legal_entity, found.party) == (
        "sub_1/unbilled",
        "LE-US",
        "C-1001",
    )
    assert (found.document_id, found.digest, found.problem) == ("301", "d2", None)
    assert found.shown_at is not None


async def test_what_is_in_its_way_is_told_until_it_is_shown(database: Database) -> None:
    async with database.transaction() as conn:
        assert not await unbilled.problem(conn, TENANT, "sub_1", "item pro is not mapped")
    await show(database, DRAFT, "d1")
    for words in ("item pro is not mapped", None, "the period is closed"):
        async with database.transaction() as conn:
            assert await unbilled.problem(conn, TENANT, "sub_1", words)
            found = await unbilled.get(conn, TENANT, "sub_1")
        assert found is not None
        assert (found.problem, found.digest) == (words, "d1")
    await show(database, DRAFT, "d1")
    async with database.statement() as conn:
        found = await unbilled.get(conn, TENANT, "sub_1")
    assert found is not None
    assert found.problem is None


async def test_all_that_is_not_billed_goes_by_pages(database: Database) -> None:
    for number in range(3):
        await show(database, DRAFT, "d", f"sub_{number}")
    async with database.transaction() as conn:
        await unbilled.remove(conn, TENANT, "sub_1")
        first = await unbilled.page(conn, TENANT, limit=1)
        rest = await unbilled.page(conn, TENANT, after=first[0].subscription_id)
        assert await unbilled.get(conn, TENANT, "sub_1") is None
    assert [each.subscription_id for each in (*first, *rest)] == ["sub_0", "sub_2"]


async def test_what_is_not_said_of_an_account_stays(database: Database) -> None:
    balance = (eur(500), eur(0).model_copy(update={"currency": "USD", "minor": -3}))
    async with database.transaction() as conn:
        assert await accounts.get(conn, TENANT, "cus_1") is None
        await accounts.put(conn, TENANT, "cus_1", balance=balance)
        first = await accounts.get(conn, TENANT, "cus_1")
        await accounts.put(conn, TENANT, "cus_1", profile_digest="p1")
        second = await accounts.get(conn, TENANT, "cus_1")
        await accounts.put(conn, TENANT, "cus_1", deleted=True, balance=())
        third = await accounts.get(conn, TENANT, "cus_1")
        assert await accounts.get(conn, "globex", "cus_1") is None
    assert first is not None
    assert second is not None
    assert third is not None
    assert (first.profile_digest, first.deleted, first.balance) == ("", False, balance)
    assert (second.profile_digest, second.deleted, second.balance) == ("p1", False, balance)
    assert (third.profile_digest, third.deleted, third.balance) == ("p1", True, ())
    assert first.synced_at <= second.synced_at <= third.synced_at


async def test_a_yes_is_to_a_document_as_it_is(database: Database) -> None:
    async with database.transaction() as conn:
        for document_id, content in (("cn_1", "a"), ("cn_1", "b"), ("cn_1", "a"), ("cn_2", "a")):
            await approvals.put(
                conn, TENANT, document_id, content, by="Jane", roles=["finance"], note="fine"
            )
        await approvals.put(conn, TENANT, "cn_1", "a", by="robot", roles=None, note="")
        await approvals.put(conn, "globex", "cn_1", "c", by="Joe", roles=(), note="")
        said = {(each.content, each.by, each.roles) for each in await of(conn, "cn_1")}
        assert said == {
            ("a", "Jane", ("finance",)),
            ("b", "Jane", ("finance",)),
            ("a", "robot", None),
        }
        assert await of(conn, "cn_9") == ()
        await approvals.used(conn, TENANT, "cn_1", "a")
        assert [each.content for each in await of(conn, "cn_1")] == ["b"]


async def test_what_is_asked_now_takes_the_place_of_what_was(database: Database) -> None:
    need = Need(occasion=Occasion.CREDIT, why="credits 1", roles=(Role.FINANCE,), people=2)
    async with database.transaction() as conn:
        assert await approvals.asked_of(conn, TENANT, "cn_1") is None
        await approvals.ask(conn, TENANT, "cn_1", ApprovalAsked(content="a"))
        asked = ApprovalAsked(content="b", needs=(need,))
        await approvals.ask(conn, TENANT, "cn_1", asked)
        assert await approvals.asked_of(conn, TENANT, "cn_1") == asked


async def of(conn: Connection, document_id: str) -> tuple[Approval, ...]:
    return await approvals.of(conn, TENANT, document_id)
