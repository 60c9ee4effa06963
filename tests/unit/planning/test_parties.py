"""Which party a customer is: for certain or not, and what is said of each that may be."""

import pytest

from canonical_models.ledgering import PartyMatch
from planning.parties import certain_match, certain_party, listed, reason, score


def match(party: str, by: str, *, active: bool = True, but: tuple[str, ...] = ()) -> PartyMatch:
    return PartyMatch(party=party, by=by, active=active, contradicts=but)


@pytest.mark.parametrize(
    ("found", "certain"),
    [
        ([], None),
        ([match("A", "name")], None),
        ([match("A", "tax_id")], "A"),
        ([match("A", "tax_id"), match("B", "name")], "A"),
        ([match("A", "tax_id"), match("B", "tax_id")], None),
        ([match("A", "tax_id", but=("country",))], None),
        ([match("A", "tax_id", active=False)], None),
        # Our own id goes before all else, whatever name it has over there.
        ([match("A", "external_id", but=("name",)), match("B", "tax_id")], "A"),
        ([match("A", "external_id", active=False), match("B", "tax_id")], None),
        ([match("A", "external_id"), match("B", "external_id")], None),
    ],
)
def test_one_alone_is_certain(found: list[PartyMatch], certain: str | None) -> None:
    assert certain_party(found) == certain
    chosen = certain_match(found)
    assert (chosen.party if chosen else None) == certain


def test_what_speaks_more_comes_first_and_is_said_in_words() -> None:
    rising = [
        match("A", "name", active=False, but=("country",)),
        match("B", "name"),
        match("C", "tax_id", but=("country",)),
        match("D", "tax_id"),
        match("E", "external_id"),
    ]
    scores = [score(each) for each in rising]
    assert scores == sorted(set(scores))
    assert scores[0] >= 0
    assert scores[-1] == 100
    assert reason(rising[0]) == "name, but another country, inactive"
    assert listed(rising[2:4]) == "C (by tax id, but another country), D (by tax id)"
    assert score(match("F", "hearsay")) == 0
