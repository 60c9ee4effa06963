"""Contracts, renewals and their refusals; every canonical model is frozen, strict and closed."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from canonical_models.documents import Settlement, SettlementKind
from canonical_models.money import Money
from canonical_models.term import Contract, Renewal

START = datetime(2026, 1, 31, tzinfo=UTC)


def contract(**changes: object) -> Contract:
    given = {
        "contract_id": "con_1",
        "customer_id": "cus_1",
        "subscription_ids": ("sub_1",),
        "starts_at": START,
        "time_zone": "Europe/Berlin",
    }
    return Contract.model_validate(given | changes)


def test_an_evergreen_contract_has_no_end() -> None:
    assert contract().ends_at is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ends_at": START}, "ends before it starts"),
        ({"time_zone": "Mars/Olympus"}, "not a time zone"),
        ({"subscription_ids": ()}, "at least 1 item"),
        ({"starts_at": datetime(2026, 1, 31)}, "timezone"),  # noqa: DTZ001 - naive on purpose
        ({"signed_by": "x"}, "Extra inputs"),
    ],
)
def test_what_is_no_contract_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        contract(**changes)


def test_a_renewal_has_a_term() -> None:
    amount = Money(minor=100, currency="EUR")
    with pytest.raises(ValidationError, match="ends before it begins"):
        Renewal(subscription_id="sub_1", due_at=START, until=START, amount=amount)
    year = START + timedelta(days=365)
    assert Renewal(subscription_id="sub_1", due_at=START, until=year, amount=amount).until == year


def test_models_are_frozen_and_survive_json() -> None:
    payment = Settlement(
        settlement_id="pay_1",
        kind=SettlementKind.PAYMENT,
        document_id="in_1",
        amount=Money(minor=1, currency="KWD"),
        at=START,
    )
    assert Settlement.model_validate_json(payment.model_dump_json()) == payment
    with pytest.raises(ValidationError, match="frozen"):
        setattr(payment, "kind", SettlementKind.REFUND)  # noqa: B010 - mypy refuses the plain way
