"""Bracketed forms, and the refusal of what nobody reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.simulators.stripe.errors import StripeError
from sandbox.simulators.stripe.forms import Params, nest, parse_pairs


def test_brackets_nest() -> None:
    tree = nest(parse_pairs("items[0][price]=p&items[1][price]=q&expand[]=a&expand[]=b&x="))
    p = Params(tree)
    assert [item.need("price") for item in p.subs("items") or []] == ["p", "q"]
    assert p.strings("expand") == ["a", "b"]
    assert p.text("x") == ""
    p.finish()


def test_items_keep_their_index_order() -> None:
    pairs = [(f"items[{n}][price]", str(n)) for n in (10, 2, 0)]
    items = Params(nest(pairs)).subs("items") or []
    assert [item.text("price") for item in items] == ["0", "2", "10"]


def test_an_unread_parameter_is_named_with_its_path() -> None:
    p = Params(nest(parse_pairs("items[0][price]=p&items[0][pirce]=q")))
    for item in p.subs("items") or []:
        item.text("price")
    with pytest.raises(StripeError, match=r"items\[0\]\[pirce\]"):
        p.finish()


@pytest.mark.parametrize(
    ("query", "getter"),
    [("a=x", "integer"), ("a=1.5", "integer"), ("a=yes", "boolean"), ("a=1,5", "decimal")],
)
def test_a_wrong_type_is_refused(query: str, getter: str) -> None:
    p = Params(nest(parse_pairs(query)))
    with pytest.raises(StripeError) as refused:
        getattr(p, getter)("a")
    assert refused.value.status == 400
    assert refused.value.param == "a"


@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=10)), max_size=6))
def test_any_names_nest_or_are_refused_as_a_stripe_error(pairs: list[tuple[str, str]]) -> None:
    try:
        tree = nest(pairs)
    except StripeError as refused:
        assert refused.status == 400  # noqa: PT017 - the other outcome is as good
    else:
        assert len(tree) <= len(pairs)
