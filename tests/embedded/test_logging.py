"""What logs say, and what they never say."""

import json
import logging
import math
from collections.abc import Iterator

import pytest
import structlog

from runtime.logging import REDACTED, configure, redact, scrub


@pytest.fixture
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.usefixtures("restored")
def test_services_write_one_json_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure("worker", console=False)
    structlog.get_logger("a").info("posted", change="c1", odd="\ud800", rate=math.nan)
    logging.getLogger("b").warning("retry of %s", "sk_test_51abcDEF")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first["message"] == "posted"
    assert (first["service"], first["change"], first["rate"]) == ("worker", "c1", "nan")
    assert second["message"] == f"retry of {REDACTED}"


@pytest.mark.parametrize(
    "key", ["password", "api_key", "Authorization", "webhook_secret", "dsn", "email", "iban"]
)
def test_confidential_keys_are_redacted_at_any_depth(key: str) -> None:
    clean = redact(None, "info", {"event": "x", "request": [{"headers": {key: "value"}}]})
    assert clean["request"] == [{"headers": {key: REDACTED}}]


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("key rk_live_abc123 refused", f"key {REDACTED} refused"),
        ("whsec_a/b+c= is old", f"{REDACTED} is old"),
        ("Authorization: Bearer abc.def", f"Authorization: Bearer {REDACTED}"),
        ("postgresql://u:p@127.0.0.1:5432/d", f"postgresql://{REDACTED}@127.0.0.1:5432/d"),
        ("ask jane.doe+x@example.co.uk", f"ask {REDACTED}"),
        ("subscription sub_123 of cus_9 at 127.0.0.1:80", None),
    ],
)
def test_values_that_look_confidential_are_redacted(text: str, clean: str | None) -> None:
    assert scrub(text) == (clean or text)
