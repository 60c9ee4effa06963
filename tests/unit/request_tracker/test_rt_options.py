"""A connection that cannot work is refused at the start, without telling what was in it."""

from typing import Any

import pytest
from pydantic import SecretStr

from connectors.config import ConnectionConfig
from connectors.request_tracker.adapter import RequestTrackerTicketing
from connectors.request_tracker.options import RequestTrackerOptions


def config(**options: Any) -> ConnectionConfig:
    return ConnectionConfig(
        name="desk",
        vendor="request_tracker",
        base_url="https://rt.example.com/rt",
        secrets={"token": SecretStr("hidden")},
        options=options,
    )


def test_defaults() -> None:
    options = RequestTrackerOptions.of(config())
    assert options.field_names == (
        "Trueup customer",
        "Trueup support tier",
        "Trueup contract end",
        "Trueup features",
    )
    assert options.open_tickets == "keep"
    assert options.asset_url(7) == "https://rt.example.com/rt/Asset/Display.html?id=7"
    with_link = RequestTrackerOptions.of(config(context_url="https://trueup.example.com"))
    assert with_link.field_names[-1] == "Trueup context"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("catalog", "7"),
        ("catalog", "it's private"),
        ("tier_field", "private}"),
        ("agent_url", "ftp://private"),
        ("open_tickets", "private"),
        ("sla_levels", {"gold": ""}),
        ("colour", "private"),
    ],
)
def test_an_option_that_does_not_fit_is_named_without_its_value(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"'desk' .*option {name}") as caught:
        RequestTrackerTicketing.connect(config(**{name: value}))
    assert "private" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tier_field": "Same", "features_field": "Same"}, "must differ"),
        ({"open_tickets": "follow"}, "sla_levels"),
    ],
)
def test_options_that_do_not_fit_together(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RequestTrackerOptions.of(config(**options))


def test_a_missing_secret_is_named() -> None:
    bare = config().model_copy(update={"secrets": {}})
    with pytest.raises(KeyError, match="token"):
        RequestTrackerTicketing.connect(bare)
