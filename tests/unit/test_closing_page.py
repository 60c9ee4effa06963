"""The page that is printed of a month: whole, and nothing in it is taken for markup."""

from html.parser import HTMLParser
from typing import Any

import pytest

from canonical_models.closing import CloseReport
from operations.closing_page import page_of
from persistence.closing import Kept
from starter_api.v1.examples_closing import REPORT

EVIL = "<script>alert('x')</script>&\"<b>"


class Seen(HTMLParser):
    """Which elements there are, and the text between them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.loads: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [name for name, _ in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def page(**said: Any) -> tuple[Seen, Kept]:
    report = CloseReport.model_validate({**REPORT, **said}, strict=False)
    kept = Kept(
        close_id="cls_1",
        version=report.version,
        closed_by=report.closed_by,
        closed_at=report.closed_at,
        report=report.canonical().decode(),
    )
    seen = Seen()
    seen.feed(page_of(kept))
    return seen, kept


def test_a_page_says_what_the_report_says_and_loads_nothing() -> None:
    seen, kept = page()
    assert seen.loads == []
    assert not seen.tags & {"script", "link", "img", "iframe", "object"}
    for words in ("LE-DE", "300.00 EUR", "57.00 EUR", "DE-VAT-19", "agreed with the auditor"):
        assert words in seen.text
    assert kept.digest in seen.text


@pytest.mark.parametrize(
    "said",
    [
        {"note": EVIL},
        {"closed_by": EVIL},
        {"late": [{**REPORT["late"][0], "why": EVIL, "number": EVIL}]},
        {"accounts": [{**REPORT["accounts"][0], "account": EVIL}]},
        {"taxes": [{**REPORT["taxes"][0], "code": EVIL}]},
        {"differences": [{**REPORT["differences"][0], "found": EVIL, "erp": None}]},
        {"read": {**REPORT["read"], "not_compared": [EVIL]}},
    ],
)
def test_what_people_wrote_is_text(said: dict[str, Any]) -> None:
    seen, _ = page(**said)
    plain, _ = page()
    assert seen.tags <= plain.tags | {"ul", "li"}
    assert EVIL in seen.text
