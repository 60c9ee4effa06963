"""A connection that cannot work is refused at the start, without telling what was in it."""

from typing import Any

import pytest
from pydantic import SecretStr

from connectors.config import ConnectionConfig
from connectors.zendesk.adapter import ZendeskTicketing
from connectors.zendesk.options import ZendeskOptions


def config(**options: Any) -> ConnectionConfig:
    return ConnectionConfig(
        name="support",
        vendor="zendesk",
        base_url="https://acme.example.com",
        secrets={"token": SecretStr("hidden")},
        options={"email": "sync@example.com", **options},
    )


def test_defaults() -> None:
    options = ZendeskOptions.of(config())
    assert options.field_keys == (
        "trueup_support_tier",
        "trueup_contract_end",
        "trueup_features",
    )
    assert options.agent_url == "https://acme.example.com"
    assert ZendeskOptions.of(config(agent_url="https://desk")).agent_url == "https://desk"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("email", "jane doe"),
        ("email", "jane:x@example.com"),
        ("tier_field", "support tier"),
        ("features_field", "12345"),
        ("agent_url", "ftp://private"),
        ("tier_tag_prefix", ""),
        ("colour", "private"),
    ],
)
def test_an_option_that_does_not_fit_is_named_without_its_value(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"'support' .*option {name} ") as caught:
        ZendeskTicketing.connect(config(**{name: value}))
    assert "jane" not in str(caught.value)
    assert "private" not in str(caught.value)


def test_one_field_cannot_hold_two_things() -> None:
    with pytest.raises(ValueError, match="must differ"):
        ZendeskTicketing.connect(config(tier_field="x", features_field="x"))


def test_the_token_is_asked_for() -> None:
    with pytest.raises(KeyError, match=r"support.*token"):
        ZendeskTicketing.connect(config().model_copy(update={"secrets": {}}))
