"""Whose turn it is: lanes by their shares, tenants in turn, whatever has been given before."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from persistence.turns import BULK, LIVE, RECONCILIATION, RENEWAL, SHARES, Turns

FULL = dict.fromkeys([(lane, "acme") for lane in SHARES], 1000)


def lanes(given_: dict[tuple[int, str], int]) -> dict[int, int]:
    count: Counter[int] = Counter()
    for (lane, _), number in given_.items():
        count[lane] += number
    return dict(count)


def test_each_lane_has_its_share_of_the_places() -> None:
    assert lanes(Turns("d").give(30, 30, {}, FULL)) == {
        LIVE: 16,
        RENEWAL: 8,
        RECONCILIATION: 4,
        BULK: 2,
    }


def test_bulk_gets_its_turn_where_there_is_one_place_only() -> None:
    turns = Turns("d")
    order = [next(iter(turns.give(1, 1, {}, FULL)))[0] for _ in range(150)]
    assert order[0] == LIVE
    assert Counter(order) == {LIVE: 80, RENEWAL: 40, RECONCILIATION: 20, BULK: 10}


def test_a_lane_gets_all_while_the_others_have_nothing_and_saves_nothing_up() -> None:
    turns = Turns("d")
    for _ in range(100):
        assert lanes(turns.give(4, 4, {}, {(LIVE, "acme"): 9})) == {LIVE: 4}
    order = [next(iter(turns.give(1, 1, {}, FULL)))[0] for _ in range(15)]
    assert Counter(order) == {LIVE: 8, RENEWAL: 4, RECONCILIATION: 2, BULK: 1}


def test_who_has_less_at_work_comes_first() -> None:
    held = {(LIVE, "big"): 5}
    assert Turns("d").give(4, 4, held, {(LIVE, "big"): 99, (LIVE, "small"): 99}) == {
        (LIVE, "small"): 4
    }
    assert Turns("d").give(9, 9, held, {(LIVE, "big"): 99, (LIVE, "small"): 1}) == {
        (LIVE, "small"): 1,
        (LIVE, "big"): 8,
    }


def test_what_is_at_work_counts_in_all_lanes_together() -> None:
    held = {(LIVE, "a"): 3, (BULK, "a"): 1, (LIVE, "b"): 2}
    ready = {(LIVE, "a"): 9, (LIVE, "b"): 9}
    assert Turns("d").give(1, 1, held, ready) == {(LIVE, "b"): 1}


def test_what_is_given_counts_too() -> None:
    ready = {(LIVE, "b"): 9, (LIVE, "a"): 9}
    given_ = Turns("d").give(3, 3, {(LIVE, "b"): 2}, ready)
    assert given_ == {(LIVE, "a"): 2, (LIVE, "b"): 1}


def test_tenants_take_turns_where_nothing_is_at_work() -> None:
    turns = Turns("d")
    names = ["a", "b", "c"]
    order = []
    for _ in range(9):
        behind = turns.served.get(LIVE, "")
        walked = sorted(names, key=lambda name: (name <= behind, name))
        ((_, tenant),) = turns.give(1, 1, {}, {(LIVE, name): 5000 for name in walked})
        order.append(tenant)
    assert order == names * 3


def test_the_reserved_places_are_for_those_who_have_nothing_at_work() -> None:
    turns = Turns("d", reserved=2)
    assert turns.give(8, 8, {}, {(LIVE, "big"): 99}) == {(LIVE, "big"): 6}
    held = {(LIVE, "big"): 6}
    assert turns.give(2, 2, held, {(LIVE, "big"): 99}) == {}
    assert turns.give(2, 2, held, {(LIVE, "big"): 99, (BULK, "small"): 9}) == {(BULK, "small"): 1}


@given(
    free=st.integers(0, 40),
    most=st.integers(0, 40),
    reserved=st.integers(0, 3),
    ready=st.dictionaries(
        st.tuples(st.sampled_from([*SHARES]), st.sampled_from("abcd")), st.integers(0, 20)
    ),
)
def test_never_more_than_there_are_and_nothing_idle(
    free: int, most: int, reserved: int, ready: dict[tuple[int, str], int]
) -> None:
    given_ = Turns("d", reserved=reserved).give(free, most, {}, ready)
    assert all(0 < count <= ready[key] for key, count in given_.items())
    got = sum(given_.values())
    assert got <= min(free, most, sum(ready.values()))
    assert got >= min(free - reserved, most, sum(ready.values()))


def test_bulk_leaves_places_for_what_is_live() -> None:
    turns = Turns("d", bulk_most=2)
    assert turns.give(8, 8, {}, {(BULK, "a"): 99}) == {(BULK, "a"): 2}
    assert turns.give(6, 6, {(BULK, "a"): 2}, {(BULK, "a"): 97, (LIVE, "a"): 1}) == {(LIVE, "a"): 1}
    assert turns.give(1, 1, {(BULK, "a"): 1, (LIVE, "a"): 6}, FULL | {(BULK, "a"): 9}) != {}
