"""The breaker by itself: from which state which word leads where."""

import pytest

from connectors.breaker import FAULTS, FIRST_PROBE, LONGEST_PROBE, Breaker, State


def faults(breaker: Breaker, count: int, *, now: float = 10.0) -> Breaker:
    for _ in range(count):
        breaker.failed(now, "it gives no answer")
    return breaker


def state(breaker: Breaker) -> State:
    """Asked anew: a type checker believes that it is what it was."""
    return breaker.state


def opened(now: float = 10.0) -> Breaker:
    return faults(Breaker(since=0.0), FAULTS, now=now)


def test_so_many_faults_in_a_row_open_it() -> None:
    breaker = faults(Breaker(since=0.0), FAULTS - 1)
    assert (breaker.state, breaker.openings, breaker.since) == (State.CLOSED, 0, 0.0)
    assert breaker.may_call(10.0)
    faults(breaker, 1, now=11.0)
    assert (breaker.state, breaker.openings, breaker.since) == (State.OPEN, 1, 11.0)
    assert (breaker.reason, breaker.probe_at) == ("it gives no answer", 11.0 + FIRST_PROBE)
    # Faults of calls that were under way are no news.
    faults(breaker, FAULTS, now=12.0)
    assert (breaker.openings, breaker.since, breaker.probe_at) == (1, 11.0, 11.0 + FIRST_PROBE)


def test_an_answer_between_them_begins_the_row_anew() -> None:
    breaker = faults(Breaker(since=0.0), FAULTS - 1)
    breaker.answered(10.5)
    assert (breaker.heard_at, breaker.since) == (10.5, 0.0)
    assert faults(breaker, FAULTS - 1).state is State.CLOSED
    assert faults(breaker, 1).state is State.OPEN


def test_one_call_asks_whether_it_is_back() -> None:
    breaker = opened()
    due = 10.0 + FIRST_PROBE
    assert not breaker.has_place(due - 0.1)
    assert not breaker.may_call(due - 0.1)
    assert state(breaker) is State.OPEN
    assert breaker.has_place(due)
    assert state(breaker) is State.PROBING
    # Looking takes no place.
    assert breaker.has_place(due)
    assert breaker.may_call(due)
    assert not breaker.has_place(due)
    assert not breaker.may_call(due)
    # It was cancelled before it told anything.
    breaker.given_up()
    assert breaker.may_call(due)
    assert not breaker.may_call(due)


@pytest.mark.parametrize("away", [State.OPEN, State.PROBING])
def test_any_answer_closes_it(away: State) -> None:
    breaker = opened()
    if away is State.PROBING:
        assert breaker.may_call(100.0)
    assert state(breaker) is away
    breaker.answered(101.0)
    assert (breaker.state, breaker.since, breaker.heard_at) == (State.CLOSED, 101.0, 101.0)
    assert breaker.reason == ""
    # As if it had never been: the row and the first wait begin anew.
    faults(breaker, FAULTS - 1, now=102.0)
    assert state(breaker) is State.CLOSED
    faults(breaker, 1, now=102.0)
    assert (breaker.probe_at, breaker.openings) == (102.0 + FIRST_PROBE, 2)


def test_each_look_in_vain_waits_twice_as_long_up_to_a_limit() -> None:
    breaker, waits = opened(), []
    for _ in range(6):
        now = breaker.probe_at
        assert breaker.may_call(now)
        breaker.failed(now, "it cannot be reached")
        assert state(breaker) is State.OPEN
        waits.append(breaker.probe_at - now)
    assert waits == [10.0, 20.0, 40.0, LONGEST_PROBE, LONGEST_PROBE, LONGEST_PROBE]
    assert (breaker.openings, breaker.since, breaker.reason) == (7, 10.0, "it cannot be reached")


def test_as_another_has_found_it_nobody_asks_by_time_alone() -> None:
    breaker = Breaker(since=0.0)
    breaker.away(since=5.0, probe_at=20.0, reason="it cannot be reached")
    assert (breaker.state, breaker.since, breaker.probe_at) == (State.OPEN, 5.0, 20.0)
    assert (breaker.reason, breaker.may_ask, breaker.openings) == ("it cannot be reached", False, 0)
    assert not breaker.may_call(1000.0)
    breaker.may_ask = True
    assert not breaker.may_call(19.9)
    assert breaker.may_call(20.0)
