"""Days begin and end where the contract was signed, also when the clocks change that night."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical_models.commerce import Subscription, SubscriptionStatus
from planning.term import (
    contract_end,
    contract_of,
    covered_until,
    end_of_day,
    local_day,
    serves,
)
from tests.unit.planning.cases import AS_OF, END, START, item, subscription

BERLIN, NEW_YORK, SAO_PAULO = "Europe/Berlin", "America/New_York", "America/Sao_Paulo"
#: Clocks there jump at midnight, back over midnight, by half hours, or over a whole day.
ODD = [BERLIN, NEW_YORK, SAO_PAULO, "Africa/Cairo", "Pacific/Apia", "America/Havana",
       "Asia/Kathmandu", "Australia/Lord_Howe", "Atlantic/Azores", "UTC"]  # fmt: skip


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "instant", "end"),
    [
        # An ordinary day, and its very last and first moments.
        (BERLIN, "2026-01-15T12:00", "2026-01-15T23:00"),
        (BERLIN, "2026-01-15T22:59:59.999999", "2026-01-15T23:00"),
        (BERLIN, "2026-01-15T23:00", "2026-01-15T23:00"),
        (BERLIN, "2026-01-15T23:00:00.000001", "2026-01-16T23:00"),
        # 29 March 2026 has 23 hours, 25 October 25.
        (BERLIN, "2026-03-28T12:00", "2026-03-28T23:00"),
        (BERLIN, "2026-03-29T00:30", "2026-03-29T22:00"),
        (BERLIN, "2026-03-29T20:00", "2026-03-29T22:00"),
        (BERLIN, "2026-10-24T22:00", "2026-10-24T22:00"),
        (BERLIN, "2026-10-25T00:30", "2026-10-25T23:00"),
        # 8 March and 1 November 2026.
        (NEW_YORK, "2026-03-08T05:00", "2026-03-08T05:00"),
        (NEW_YORK, "2026-03-08T06:30", "2026-03-09T04:00"),
        (NEW_YORK, "2026-11-01T03:59", "2026-11-01T04:00"),
        (NEW_YORK, "2026-11-01T05:30", "2026-11-02T05:00"),
        # 4 November 2018 began at 01:00 there: the day before ended at that moment.
        (SAO_PAULO, "2018-11-03T12:00", "2018-11-04T03:00"),
        (SAO_PAULO, "2018-11-04T03:00", "2018-11-04T03:00"),
        (SAO_PAULO, "2018-11-04T03:00:01", "2018-11-05T02:00"),
        # 23:00 came twice on 17 February 2018; that day ended after the second.
        (SAO_PAULO, "2018-02-18T01:30", "2018-02-18T03:00"),
        (SAO_PAULO, "2018-02-18T02:30", "2018-02-18T03:00"),
        # 26 April 2024 began at 01:00.
        ("Africa/Cairo", "2024-04-25T12:00", "2024-04-25T22:00"),
        ("Africa/Cairo", "2024-04-25T22:00", "2024-04-25T22:00"),
        ("Africa/Cairo", "2024-04-25T22:30", "2024-04-26T21:00"),
        # There was no 30 December 2011.
        ("Pacific/Apia", "2011-12-30T09:00", "2011-12-30T10:00"),
        ("Pacific/Apia", "2011-12-30T10:00", "2011-12-30T10:00"),
        ("Pacific/Apia", "2011-12-30T11:00", "2011-12-31T10:00"),
        # Midnight came twice on 1 November 2026: the day has begun with the first.
        ("America/Havana", "2026-11-01T04:00", "2026-11-01T04:00"),
        ("America/Havana", "2026-11-01T05:00", "2026-11-02T05:00"),
        ("America/Havana", "2026-10-31T12:00", "2026-11-01T04:00"),
        # 29 February.
        (BERLIN, "2028-02-28T23:30", "2028-02-29T23:00"),
        (BERLIN, "2028-02-29T12:00", "2028-02-29T23:00"),
    ],
)
def test_the_end_of_a_day(zone: str, instant: str, end: str) -> None:
    assert end_of_day(utc(instant), zone) == utc(end)


@given(
    st.sampled_from(ODD),
    st.datetimes(datetime(2010, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001 - hypothesis adds it
)
def test_a_day_ends_once_and_soon(zone: str, naive: datetime) -> None:
    instant = naive.replace(tzinfo=UTC)
    end = end_of_day(instant, zone)
    assert instant <= end < instant + timedelta(hours=26)
    assert end_of_day(end, zone) == end
    # Whatever lies before the end is of an earlier day, whatever lies behind is not.
    assert local_day(end - timedelta(microseconds=1), zone) < local_day(end, zone)


def test_without_a_zone_the_very_second_counts() -> None:
    assert end_of_day(AS_OF, None) == AS_OF
    assert local_day(utc("2026-01-15T23:30"), None) == date(2026, 1, 15)
    assert local_day(utc("2026-01-15T23:30"), BERLIN) == date(2026, 1, 16)


def term(**changes: object) -> Subscription:
    return subscription(item("pro", 5)).model_copy(update=changes)


def test_a_contract_that_runs_on_has_no_end() -> None:
    contract = contract_of(term(), BERLIN)
    assert contract is not None
    assert (contract.contract_id, contract.customer_id) == ("sub_1", "cus_1")
    assert (contract.starts_at, contract.ends_at) == (START, None)
    assert contract.time_zone == BERLIN
    assert contract_end(term(), BERLIN) is None
    # Support is there for the period that is paid.
    assert covered_until(term(), BERLIN) == utc("2026-12-01T23:00")


def test_a_contract_that_is_to_end_runs_to_the_end_of_its_last_day() -> None:
    ending = term(ends_at=END)
    assert contract_end(ending, BERLIN) == utc("2026-12-01T23:00")
    assert contract_end(ending, None) == END
    assert covered_until(ending, None) == END
    contract = contract_of(ending, None)
    assert contract is not None
    assert (contract.ends_at, contract.time_zone) == (END, "UTC")


def test_a_contract_that_has_ended_ended_at_that_moment() -> None:
    ended = subscription(item("pro", 5), status=SubscriptionStatus.CANCELLED)
    contract = contract_of(ended, BERLIN)
    assert contract is not None
    assert contract.ends_at == AS_OF


def test_what_came_to_its_end_is_served_to_the_end_of_the_day() -> None:
    """Billing closes it in the middle of its last day there."""
    closed = term(status=SubscriptionStatus.CANCELLED, ends_at=END, ended_at=END, as_of=END)
    assert contract_end(closed, BERLIN) == utc("2026-12-01T23:00")
    assert serves(closed, BERLIN)
    assert not serves(closed.model_copy(update={"as_of": utc("2026-12-01T23:00")}), BERLIN)
    assert not serves(closed, None)
    early = closed.model_copy(update={"ended_at": AS_OF, "as_of": AS_OF})
    assert contract_end(early, BERLIN) == AS_OF
    assert not serves(early, BERLIN)


@pytest.mark.parametrize("ended_at", [START, START - timedelta(days=1)])
def test_what_ended_as_it_began_was_no_contract(ended_at: datetime) -> None:
    assert contract_of(term(ended_at=ended_at), BERLIN) is None


def test_a_subscription_without_items_is_covered_until_nothing() -> None:
    assert covered_until(subscription(), BERLIN) is None
