"""What was planned in shadow, laid beside what others have made: each difference by its kind, with
both sides, and nothing where they say the same."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from canonical_models.approvals import Need, Occasion
from canonical_models.documents import DocumentKind
from canonical_models.entitlement import (
    EntitledFeature,
    Grant,
    GrantSource,
    GrantState,
    SubscriptionSupport,
    SupportEntitlement,
    TargetHeld,
)
from canonical_models.ledgering import DocumentState, ErpDocument, ErpLine, TaxTotal
from canonical_models.preview import Comes, Foreseen, WouldPost
from canonical_models.shadow import (
    ExpectedDocument,
    ExpectedFeatures,
    ShadowAccess,
    ShadowState,
)
from planning.shadowing import (
    Seen,
    document_seen,
    features_of,
    plan_differences,
    remaining_of,
    support_seen,
    target_seen,
)
from tests.unit.planning.answers import drafted
from tests.unit.planning.cases import (
    AS_OF,
    TODAY,
    books,
    document,
    erp,
    eur,
    seen,
    taxed,
    utc,
    void,
)

BILLED = document(taxed("il_1", 10000), taxed("il_2", 5000, item="ai"))


def expected(**changes: Any) -> ExpectedDocument:
    draft = drafted(books(seen(BILLED)))
    given: dict[str, Any] = {
        "document_id": "in_1",
        "number": "INV-7",
        "legal_entity": "LE-DE",
        "draft": draft,
        "accounts": {"PRO": "4400", "AI-ADDON": "4401"},
        "remaining": eur(17850),
    }
    return ExpectedDocument(**given | changes)


def total(code: str, base: int, amount: int) -> TaxTotal:
    return TaxTotal(code=code, rate=Decimal("0.19"), base=eur(base), amount=eur(amount))


def made(**changes: Any) -> ErpDocument:
    """What the process before us has posted of it."""
    given: dict[str, Any] = {
        "posting_date": TODAY,
        "taxes": (total("VAT 19 %", 15000, 2850),),
        "lines": (
            ErpLine(line_id=None, item="PRO", account="4400", net=eur(10000)),
            ErpLine(line_id=None, item="AI-ADDON", account="4401", net=eur(5000)),
        ),
        "ours": False,
    }
    return erp(BILLED, **given | changes)


def told(found: Seen) -> list[tuple[str, str, str, str]]:
    return [(each.kind.value, each.what, each.planned, each.found) for each in found.differences]


def test_what_is_posted_as_it_was_planned_agrees() -> None:
    found = document_seen(expected(), [made()])
    assert (found.state, found.differences, found.found) == (
        *(ShadowState.AGREES, ()),
        ("2026-0001",),
    )


def test_what_nobody_has_posted_yet_is_waited_for() -> None:
    assert document_seen(expected(), []) == Seen(ShadowState.WAITING)
    # A draft is in no books, and neither is what was cancelled.
    for state in (DocumentState.DRAFT, DocumentState.CANCELLED):
        assert document_seen(expected(), [made(state=state)]) == Seen(ShadowState.WAITING)


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        (
            {"kind": DocumentKind.CREDIT_NOTE},
            ("document_kind", "kind", "invoice", "credit_note"),
        ),
        ({"party": "C-2"}, ("party", "party", "C-1001", "C-2")),
        (
            {"posting_date": date(2026, 12, 1)},
            ("date", "posting date", "2026-11-16", "2026-12-01"),
        ),
        ({"net": eur(15001)}, ("amount", "net", "150.00 EUR", "150.01 EUR")),
        ({"tax": eur(2849)}, ("tax", "tax", "28.50 EUR", "28.49 EUR")),
        ({"open": eur(0)}, ("open", "open", "178.50 EUR", "0.00 EUR")),
    ],
)
def test_each_part_that_is_not_as_planned_is_told_with_both_sides(
    changes: dict[str, Any], difference: tuple[str, str, str, str]
) -> None:
    found = document_seen(expected(), [made(**changes)])
    assert (found.state, told(found)) == (ShadowState.DIFFERS, [difference])


def test_another_currency_is_told_alone() -> None:
    dollars = {"currency": "USD", "net": eur(1, "USD"), "tax": eur(1, "USD")}
    found = document_seen(expected(), [made(**dollars, open=eur(1, "USD"))])
    assert told(found) == [("currency", "currency", "EUR", "USD")]


def test_taxes_and_accounts_are_sums_and_each_is_told_by_its_name() -> None:
    parted = (total("VAT 19 %", 10000, 1900), total("VAT 19 %", 5000, 950))
    assert document_seen(expected(), [made(taxes=parted)]).state is ShadowState.AGREES
    nothing = (*parted, total("VAT 7 %", 0, 0))
    assert document_seen(expected(), [made(taxes=nothing)]).state is ShadowState.AGREES
    other = (total("VAT 19 %", 10000, 1900), total("VAT 7 %", 5000, 950))
    assert told(document_seen(expected(), [made(taxes=other)])) == [
        ("tax_code", "VAT 19 %", "28.50 EUR on 150.00 EUR", "19.00 EUR on 100.00 EUR"),
        ("tax_code", "VAT 7 %", "none", "9.50 EUR on 50.00 EUR"),
    ]
    moved = tuple(each.model_copy(update={"account": "4400"}) for each in made().lines)
    assert told(document_seen(expected(), [made(lines=moved)])) == [
        ("account", "4400", "100.00 EUR", "150.00 EUR"),
        ("account", "4401", "50.00 EUR", "none"),
    ]
    # An item whose account the ERP's rules do not tell, and a line without one, are the same.
    untold = expected(accounts={"PRO": "4400"})
    bare = (
        made().lines[0],
        made().lines[1].model_copy(update={"account": None}),
    )
    assert document_seen(untold, [made(lines=bare)]).state is ShadowState.AGREES


def test_several_under_one_number_are_told_and_a_credit_note_beside_its_invoice_is_not() -> None:
    twice = document_seen(expected(), [made(), made(document_id="102", number=None)])
    assert told(twice) == [("doubled", "document", "once", "2 times")]
    assert twice.found == ("2026-0001", "102")
    note = made(document_id="103", kind=DocumentKind.CREDIT_NOTE, corrects="101")
    beside = document_seen(expected(), [made(), note])
    assert (beside.state, len(beside.found)) == (ShadowState.AGREES, 2)


def test_what_is_void_has_to_be_taken_back() -> None:
    gone = expected(void=True)
    stands = document_seen(gone, [made()])
    assert told(stands) == [("not_taken_back", "2026-0001", "taken back", "stands")]
    note = made(document_id="103", corrects="101", kind=DocumentKind.CREDIT_NOTE)
    for others in ([], [made(credits=("103",)), note], [made(state=DocumentState.CANCELLED)]):
        assert document_seen(gone, others).state is ShadowState.AGREES


WANTED = SupportEntitlement(
    organization="org_1", tier="premium", contract_end=AS_OF, features=("sso", "api")
)


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"tier": None}, ("tier", "tier", "premium", "none")),
        (
            {"contract_end": utc("2026-12-01")},
            ("contract_end", "contract end", str(AS_OF), str(utc("2026-12-01"))),
        ),
        ({"contract_end": None}, ("contract_end", "contract end", str(AS_OF), "none")),
        ({"features": ()}, ("features", "features", "api, sso", "none")),
    ],
)
def test_what_support_shows_is_told_by_its_part(
    changes: dict[str, Any], difference: tuple[str, str, str, str]
) -> None:
    shown = WANTED.model_copy(update={"features": ("api", "sso")})
    assert support_seen(WANTED, shown) == Seen(ShadowState.AGREES, (), ("org_1",))
    assert told(support_seen(WANTED, shown.model_copy(update=changes))) == [difference]
    assert support_seen(WANTED, None) == Seen(ShadowState.WAITING)


def held(revision: int, **features: int) -> TargetHeld:
    return TargetHeld(
        customer_id="cus_1",
        revision=revision,
        features=tuple(
            EntitledFeature(feature=name, quantity=count, until=None)
            for name, count in features.items()
        ),
    )


def test_a_target_that_does_not_know_the_customer_is_waited_for() -> None:
    wanted = ExpectedFeatures(target="app", customer_id="cus_1", features={"seats": 5})
    assert target_seen(wanted, held(0)) == Seen(ShadowState.WAITING)
    assert target_seen(wanted, held(3, seats=5)).state is ShadowState.AGREES
    assert told(target_seen(wanted, held(3))) == [("features", "seats", "5", "none")]
    assert told(target_seen(wanted, held(0, sso=1))) == [
        ("features", "seats", "5", "none"),
        ("features", "sso", "none", "1"),
    ]
    nothing = ExpectedFeatures(target="app", customer_id="cus_1")
    assert target_seen(nothing, held(0)).state is ShadowState.AGREES
    both = TargetHeld(
        customer_id="cus_1",
        revision=3,
        features=(
            EntitledFeature(feature="seats", quantity=2, until=None),
            EntitledFeature(feature="seats", quantity=3, until=AS_OF),
        ),
    )
    assert target_seen(wanted, both).state is ShadowState.AGREES


def test_features_are_those_of_all_subscriptions_that_are_not_suspended() -> None:
    def grant(feature: str, quantity: int, state: GrantState = GrantState.ACTIVE) -> Grant:
        return Grant(
            customer_id="cus_1",
            feature=feature,
            source=GrantSource.SUBSCRIPTION,
            source_id="si_1",
            quantity=quantity,
            starts_at=AS_OF,
            state=state,
        )

    def access(*grants: Grant) -> ShadowAccess:
        support = SubscriptionSupport(tier=None, contract_end=None)
        return ShadowAccess(subject="sub_1", grants=grants, contribution=support)

    assert features_of([]) == {}
    assert features_of(
        [
            access(grant("seats", 5), grant("sso", 1, GrantState.SUSPENDED)),
            access(grant("seats", 3), grant("api", 1)),
        ]
    ) == {"seats": 8, "api": 1}


def test_of_what_is_void_nothing_is_open() -> None:
    assert remaining_of(BILLED) == eur(17850)
    assert remaining_of(void(BILLED)) == eur(0)


def would_post(key: str, **changes: Any) -> WouldPost:
    given: dict[str, Any] = {
        "document_id": key,
        "number": f"N-{key}",
        "legal_entity": "LE-DE",
        "party": "C-1001",
        "posting_date": "2026-11-16",
        "net": eur(10000),
        "tax": eur(1900),
        "lines": drafted(books(seen(document(taxed("il_1", 10000))))).lines,
        "taxes": (total("VAT 19 %", 10000, 1900),),
        "digest": repr(sorted(changes.items())),
    }
    return WouldPost(**given | changes)


def foreseen(*documents: WouldPost, **changes: Any) -> Foreseen:
    given: dict[str, Any] = {
        "subject": "sub_1",
        "comes": Comes.GOES_THROUGH,
        "documents": documents,
        "features": {"seats": 5},
        "tier": "premium",
        "at": AS_OF,
    }
    return Foreseen(**given | changes)


def differing(live: Foreseen, candidate: Foreseen) -> list[tuple[str, str, str, str]]:
    found = plan_differences(live, candidate)
    assert plan_differences(live, live) == ()
    return [(each.kind.value, each.what, each.planned, each.found) for each in found]


@pytest.mark.parametrize(
    ("candidate", "difference"),
    [
        (foreseen(would_post("in_1")), None),
        (
            foreseen(would_post("in_1"), code="item_unmapped", about="ai"),
            ("question", "asks", "nobody", "item_unmapped ai"),
        ),
        (
            foreseen(
                would_post("in_1"),
                approvals=(Need(occasion=Occasion.CHARGE, why="charges 100.00 EUR"),),
            ),
            ("question", "asks", "nobody", "charges 100.00 EUR"),
        ),
        (foreseen(would_post("in_1"), tier=None), ("tier", "tier", "premium", "none")),
        (
            foreseen(would_post("in_1"), features={"seats": 6}),
            ("features", "seats", "5", "6"),
        ),
        (foreseen(), ("missing", "N-in_1", "posted", "not posted")),
        (
            foreseen(would_post("in_1", party="C-2")),
            ("party", "N-in_1 party", "C-1001 in LE-DE", "C-2 in LE-DE"),
        ),
        (
            foreseen(would_post("in_1", legal_entity="LE-FR")),
            ("party", "N-in_1 party", "C-1001 in LE-DE", "C-1001 in LE-FR"),
        ),
        (
            foreseen(would_post("in_1", posting_date="2026-12-01")),
            ("date", "N-in_1 posting date", "2026-11-16", "2026-12-01"),
        ),
        (
            foreseen(would_post("in_1", net=eur(1))),
            ("amount", "N-in_1 net", "100.00 EUR", "0.01 EUR"),
        ),
        (
            foreseen(would_post("in_1", tax=eur(1))),
            ("tax", "N-in_1 tax", "19.00 EUR", "0.01 EUR"),
        ),
        (
            foreseen(would_post("in_1", taxes=())),
            ("tax_code", "N-in_1 VAT 19 %", "19.00 EUR on 100.00 EUR", "none"),
        ),
        (
            foreseen(would_post("in_1", lines=())),
            ("account", "N-in_1 item PRO", "100.00 EUR", "none"),
        ),
    ],
)
def test_two_plans_of_the_same_are_apart_where_one_says_something_else(
    candidate: Foreseen, difference: tuple[str, str, str, str] | None
) -> None:
    found = differing(foreseen(would_post("in_1")), candidate)
    assert found == ([] if difference is None else [difference])


def test_what_only_the_tried_plan_posts_is_missing_by_its_number_or_id() -> None:
    nameless = would_post("in_2", number=None)
    live = foreseen(would_post("in_1"))
    assert differing(live, foreseen(would_post("in_1"), nameless)) == [
        ("missing", "in_2", "not posted", "posted")
    ]
