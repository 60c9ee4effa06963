"""The effect ledger: who was overtaken writes nothing, an absence is believed when it is one, and
an undo takes back all that is ours."""

from typing import Any

import pytest

from activities.sweeping import sweep_effects
from canonical_models.effects import EffectState
from canonical_models.failures import (
    MayStillLand,
    Overtaken,
    Rejection,
    RejectionCode,
    TransientFailure,
    UncertainWrite,
)
from connectors.attempts import Attempt, begins_within, too_late
from persistence.connection import Connection
from persistence.database import Database
from persistence.effects import Stray
from persistence.ownership import Owner
from tests.harness.slow_ledger import KEY, Ledger
from tests.harness.slow_vendor import Made


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


POSTING = ("find", "create", "find", "post")


async def test_s1_an_attempt_that_an_undo_has_overtaken_takes_back_what_it_makes(
    ledger: Ledger,
) -> None:
    slow = ledger.begin(ledger.effect())
    await ledger.answer("find")
    create = await ledger.sent("create")

    undo = ledger.undo(ledger.effect())
    await ledger.answer("find")
    await undo
    create.tell()
    await ledger.answer("cancel")

    with pytest.raises(MayStillLand):
        await slow
    assert (await ledger.row()).state is EffectState.COMPENSATED
    assert ledger.vendor.documents == {1: "cancelled"}


async def test_s1_the_next_attempt_takes_the_named_draft_over(ledger: Ledger) -> None:
    first = ledger.begin(ledger.effect())
    await ledger.answer("find", "create", "find")
    await ledger.lose("post")
    with pytest.raises(UncertainWrite):
        await first
    assert (await ledger.row()).made == ("1",)

    second = ledger.begin(ledger.effect())
    await ledger.answer("find", "find", "post")

    assert (await second).number == 1
    assert ledger.vendor.documents == {1: "posted"}


async def test_s2_an_undo_cancels_the_named_draft_so_that_a_late_post_is_refused(
    ledger: Ledger,
) -> None:
    slow = ledger.begin(ledger.effect())
    await ledger.answer("find", "create", "find")
    post = await ledger.sent("post")

    undo = ledger.undo(ledger.effect())
    await ledger.answer("find", "credit")
    await undo
    post.tell()
    await ledger.answer("find")

    with pytest.raises(MayStillLand):
        await slow
    assert ledger.vendor.live() == []
    assert ledger.vendor.drafts() == []


async def test_s2_one_request_without_a_key_is_believed_absent_when_nothing_can_land(
    ledger: Ledger,
) -> None:
    first = ledger.begin(ledger.effect(once=True))
    await ledger.lose("create")
    with pytest.raises(UncertainWrite):
        await first

    early = ledger.begin(ledger.effect(once=True))
    await ledger.answer("find")
    with pytest.raises(MayStillLand) as later:
        await early
    assert 0 < later.value.retry_after <= 60

    await ledger.time_passes()
    late = ledger.begin(ledger.effect(once=True))
    await ledger.answer("find", "create")
    assert (await late).number == 1


async def test_s2_an_undo_waits_until_one_request_can_land_no_more(ledger: Ledger) -> None:
    first = ledger.begin(ledger.effect(once=True))
    create = await ledger.lose("create")
    with pytest.raises(UncertainWrite):
        await first

    early = ledger.undo(ledger.effect(once=True))
    await ledger.answer("find")
    with pytest.raises(MayStillLand):
        await early
    create.land()
    again = ledger.undo(ledger.effect(once=True))
    await ledger.answer("find", "credit")
    await again

    assert ledger.vendor.documents == {1: "credited"}


async def test_s3_the_dead_attempt_of_a_confirmed_effect_writes_nothing(ledger: Ledger) -> None:
    dead = ledger.begin(ledger.effect())
    look = await ledger.sent("find")
    ledger.kept.append(look)
    living = ledger.begin(ledger.effect())
    await ledger.answer("find", *POSTING)
    await living

    look.fail(TransientFailure("scripted 503", system="erp"))
    with pytest.raises(TransientFailure):
        await dead

    assert (await ledger.row()).state is EffectState.CONFIRMED


async def test_s4_a_refused_look_says_nothing_about_the_write(ledger: Ledger) -> None:
    first = ledger.begin(ledger.effect())
    await ledger.answer("find", "create", "find")
    await ledger.lose("post", landed=True)
    with pytest.raises(UncertainWrite):
        await first

    second = ledger.begin(ledger.effect())
    gone = Rejection(RejectionCode.DOCUMENT_CONFLICT, "scripted 404", system="erp")
    (await ledger.sent("find")).fail(gone)
    with pytest.raises(Rejection):
        await second
    assert (await ledger.row()).state is EffectState.UNCERTAIN

    undo = ledger.undo(ledger.effect())
    await ledger.answer("find", "credit")
    await undo
    assert ledger.vendor.documents == {1: "credited"}


async def test_s5_what_was_made_before_a_refused_request_is_taken_back(ledger: Ledger) -> None:
    first = ledger.begin(ledger.effect())
    await ledger.answer("find", "create", "find")
    (await ledger.sent("post")).fail(TransientFailure("scripted 503", system="erp"))
    with pytest.raises(TransientFailure):
        await first

    undo = ledger.undo(ledger.effect())
    await ledger.answer("find", "credit")
    await undo

    assert ledger.vendor.documents == {1: "cancelled"}


async def test_s6_an_undo_takes_back_all_that_we_have_made(ledger: Ledger) -> None:
    uncertain = ledger.begin(ledger.effect())
    await ledger.answer("find")
    await ledger.lose("create", landed=True)
    with pytest.raises(UncertainWrite):
        await uncertain
    ledger.vendor.make("draft")

    undo = ledger.undo(ledger.effect())
    await ledger.answer("find", "credit", "credit")
    await undo

    assert ledger.vendor.documents == {1: "cancelled", 2: "cancelled"}


async def test_what_an_undo_has_made_is_kept_with_what_was_asked(ledger: Ledger) -> None:
    done = ledger.begin(ledger.effect())
    await ledger.answer(*POSTING)
    await done
    (asked,) = await ledger.said("request_hash")
    undo = ledger.undo(ledger.effect())
    await ledger.answer("find", "credit")
    await undo
    (reversal,) = ledger.freed
    assert isinstance(reversal, Made)
    assert await ledger.said("request_hash", "undo_result", "undo_reference") == (
        asked,
        reversal.model_dump(mode="json"),
        str(reversal.number),
    )


async def test_s7_a_twin_that_lands_after_the_confirmation_is_looked_for_and_taken_back(
    ledger: Ledger,
) -> None:
    first = ledger.begin(ledger.effect())
    await ledger.answer("find")
    create = await ledger.lose("create")
    with pytest.raises(UncertainWrite):
        await first
    second = ledger.begin(ledger.effect())
    await ledger.answer("find", "find", "create", "find", "post")
    await second
    create.land()
    assert ledger.vendor.documents == {1: "posted", 2: "draft"}

    looked: list[Stray] = []

    async def clear(stray: Stray) -> None:
        looked.append(stray)
        for number in ledger.vendor.drafts():
            ledger.vendor.documents[number] = "cancelled"

    assert await sweep_effects(ledger.database, "acme", clear) == ()
    assert looked == []
    await ledger.time_passes()
    await sweep_effects(ledger.database, "acme", clear)
    await sweep_effects(ledger.database, "acme", clear)

    assert [stray.key for stray in looked] == [KEY]
    assert ledger.vendor.documents == {1: "posted", 2: "cancelled"}


async def test_an_effect_that_was_answered_at_once_is_not_looked_after(ledger: Ledger) -> None:
    attempt = ledger.begin(ledger.effect())
    await ledger.answer(*POSTING)
    await attempt

    assert (await ledger.row()).lands_until is None


async def test_s8_a_run_that_no_longer_owns_its_change_has_no_effect(ledger: Ledger) -> None:
    async with ledger.database.statement() as conn:
        await conn.execute(
            "insert into changes (id, tenant, connection, subject, event_id, kind, state, epoch) "
            "values ('chg_1', 'acme', 'stripe', 'sub_1', 'chg_1', 'other', 'running', 2)"
        )

    with pytest.raises(Overtaken):
        await ledger.begin(ledger.effect(owner=Owner("acme", "chg_1", 1)))
    assert ledger.vendor.sent == []

    newest = ledger.begin(ledger.effect(owner=Owner("acme", "chg_1", 2)))
    await ledger.answer(*POSTING)
    assert (await newest).number == 1


async def test_s10_what_a_person_took_back_by_hand_is_closed_and_frees_what_hangs_on_it(
    ledger: Ledger,
) -> None:
    attempt = ledger.begin(ledger.effect())
    await ledger.answer(*POSTING)
    await attempt

    closed = await ledger.ledger.close_by_hand(ledger.effect(), by="ann", reference="CN-7")
    again = await ledger.ledger.close_by_hand(ledger.effect(), by="ann", reference="CN-7")

    assert (closed, again) == (True, False)
    assert (await ledger.row()).state is EffectState.COMPENSATED
    assert await ledger.said("closed_by", "undo_reference") == ("ann", "CN-7")
    assert ledger.freed == [None]


async def test_another_saga_waits_for_the_attempt_and_adopts_its_result(ledger: Ledger) -> None:
    one = ledger.begin(ledger.effect())
    await ledger.answer("find", "create", "find")
    await ledger.sent("post")

    with pytest.raises(MayStillLand):
        await ledger.begin(ledger.effect(change_id="chg_2"))
    await ledger.answer("post")

    assert await ledger.begin(ledger.effect(change_id="chg_2")) == await one


async def test_a_late_answer_confirms_what_nobody_has_confirmed(ledger: Ledger) -> None:
    slow = ledger.begin(ledger.effect(once=True))
    create = await ledger.sent("create")
    second = ledger.begin(ledger.effect(once=True))
    await ledger.answer("find")
    with pytest.raises(MayStillLand):
        await second

    create.tell()

    assert (await slow).number == 1
    assert (await ledger.row()).state is EffectState.CONFIRMED


async def test_a_late_twin_of_a_confirmed_effect_is_taken_back(ledger: Ledger) -> None:
    slow = ledger.begin(ledger.effect(once=True))
    create = await ledger.sent("create")
    ledger.kept.append(create)
    await ledger.time_passes()
    second = ledger.begin(ledger.effect(once=True))
    await ledger.answer("find", "create")
    stands = await second

    create.tell()
    await ledger.answer("credit")

    assert await slow == stands
    assert ledger.vendor.live() == [stands.number]
    (told,) = await ledger.said("error")
    assert told.startswith("post invoice was answered late: ")
    assert told.endswith(" stands in the erp, and the ledger says confirmed: it is taken back")


async def test_a_late_answer_after_an_undo_is_taken_back_and_refused(ledger: Ledger) -> None:
    slow = ledger.begin(ledger.effect(once=True))
    create = await ledger.sent("create")
    ledger.kept.append(create)
    await ledger.time_passes()
    undo = ledger.undo(ledger.effect(once=True))
    await ledger.answer("find")
    await undo

    create.tell()
    await ledger.answer("credit")

    with pytest.raises(Rejection, match="post invoice of change chg_1 has been undone") as refused:
        await slow
    assert refused.value.reason is RejectionCode.DOCUMENT_CONFLICT
    assert (refused.value.system, refused.value.subject) == ("erp", KEY)
    assert ledger.vendor.live() == []
    # Whoever asks again is told the same, and nothing is sent.
    sent = len(ledger.vendor.sent)
    with pytest.raises(Rejection, match="has been undone"):
        await ledger.begin(ledger.effect(once=True))
    assert len(ledger.vendor.sent) == sent


async def test_a_late_answer_that_nobody_can_take_back_is_told_with_its_evidence(
    ledger: Ledger,
) -> None:
    slow = ledger.begin(ledger.effect(once=True, stray=None))
    create = await ledger.sent("create")
    await ledger.time_passes()
    undo = ledger.undo(ledger.effect(once=True, stray=None))
    await ledger.answer("find")
    await undo

    create.tell()
    told = (
        "post invoice was answered late: 1 stands in the erp, and the ledger says compensated: "
        "look there for what is too many, and take it back by hand"
    )
    with pytest.raises(Rejection, match=told) as refused:
        await slow
    assert refused.value.reason is RejectionCode.DOCUMENT_CONFLICT
    assert (refused.value.system, refused.value.subject) == ("erp", KEY)
    assert await ledger.said("error") == (told,)


@pytest.mark.parametrize("kind", [{"once": True}, {"writes_set": "organization:acme/org_1"}])
@pytest.mark.parametrize(("lands_within", "late"), [(0.2, True), (60, False)])
async def test_a_process_that_stood_still_between_its_row_and_its_request_is_too_late(
    ledger: Ledger, kind: dict[str, Any], lands_within: float, *, late: bool
) -> None:
    seen = []

    async def stands_still(conn: Connection) -> None:
        await conn.execute("select pg_sleep(0.1)")

    async def write(_: Attempt) -> Made:
        seen.append(too_late())
        return Made(number=1, state="set")

    effect = ledger.effect(write=write, claimed=stands_still, lands_within=lands_within, **kind)
    await ledger.begin(effect)
    assert seen == [late]


async def test_what_is_let_go_too_late_is_not_sent() -> None:
    assert not too_late()
    with begins_within(60):
        assert not too_late()
        with begins_within(-1):
            assert too_late()
    assert not too_late()
