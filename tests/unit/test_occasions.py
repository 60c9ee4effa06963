"""What a change was queued under says why, whatever ids it holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical_models.occasion import (
    Backfilled,
    DocumentDecided,
    DocumentSeen,
    DunningMoved,
    Occasion,
    RenewalMissed,
    SyncAsked,
    TakenOver,
    occasion,
)

word = st.text("abc09_-", max_size=5)
anything = st.text("in_/1:-", max_size=9)
OCCASIONS = st.one_of(
    st.builds(SyncAsked, anything),
    st.builds(DocumentDecided, word, word, word, anything),
    st.builds(DunningMoved, word, word, anything),
    st.builds(RenewalMissed, word, word, anything),
    st.builds(DocumentSeen, word, word, anything),
    st.builds(TakenOver, word, anything),
    st.builds(Backfilled, word, anything),
)


@given(OCCASIONS)
def test_an_occasion_is_read_again_from_its_text(of: Occasion) -> None:
    assert occasion(str(of)) == of


def test_what_one_key_has_asked_for_begins_alike() -> None:
    one = DocumentDecided("k1", "skip", "d1", "in_1")
    other = DocumentDecided("k1", "hold", "d2", "in_1")
    assert one.of_asking == other.of_asking
    assert str(one).startswith(one.of_asking)
    assert not str(DocumentDecided("k12", "skip", "d1", "in_1")).startswith(one.of_asking)


@pytest.mark.parametrize("text", ["", "evt_1", "news/1", "decision/k/skip", "document/c"])
def test_anything_else_is_no_occasion(text: str) -> None:
    with pytest.raises(ValueError, match="occasion"):
        occasion(text)
