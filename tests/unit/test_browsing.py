"""What a browser without scripts makes of a page: the demo's one, which fills in the console."""

import re
from urllib.parse import parse_qsl

import httpx
import pytest

from sandbox.demo.browsing import Browser, Page

PAGE = """
<nav><form action="/acme/find"><input name="find"></form></nav>
<p class="state" role="status">Paused: <b>tried on one</b>.</p><p>Other words.</p>
<a href="/acme/causes/1">Item <b>price_1</b> has no article</a>
<form method="post" action="/acme/causes/1/preview">
  <input type="hidden" name="csrf" value="t&amp;k">
  <input name="item.item" value="price_1" readonly>
  <input name="item.erp_item" value="">
  <input type="radio" name="item.tier" value="standard">
  <input type="radio" name="item.tier" value="premium">
  <input type="radio" name="item.kind" value="a">
  <input type="radio" name="item.kind" value="b" checked>
  <select name="first"><option value="">any</option><option value="x">x</option></select>
  <select name="rate"><option value="1">1</option><option value="60" selected>60</option></select>
  <textarea name="note">a word
more</textarea>
  <button name="look" value="up">Look it up</button>
</form>
<input name="outside" value="1">
<form method="post" action="/acme/causes/1/preview"><input name="csrf" value="t&amp;k"></form>
"""


def test_a_form_sends_what_it_holds_and_nothing_that_nobody_chose() -> None:
    page = Page("/acme/causes/1", PAGE)
    form = page.form("/preview", {"item.erp_item": "NEW", "item.tier": "premium"})
    assert form.fields == {
        "csrf": "t&k",
        "item.item": "price_1",
        "item.erp_item": "",
        "item.kind": "b",
        "first": "",
        "rate": "60",
        "note": "a word\nmore",
    }
    assert page.state == "Paused: tried on one ."
    assert page.links == [("Item price_1 has no article", "/acme/causes/1")]


def test_what_a_page_does_not_ask_for_is_not_sent() -> None:
    page = Page("/acme/causes/1", PAGE)
    with pytest.raises(RuntimeError, match=r"item\.other: it asks for .*item\.erp_item"):
        page.form("/preview", {"item.other": "NEW"})
    with pytest.raises(RuntimeError, match=r"no form to /release; it says: .*Other words"):
        page.form("/release", {})


async def test_a_browser_sends_the_form_of_its_page_and_says_what_the_console_refuses() -> None:
    sent: list[dict[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, text=PAGE)
        sent.append(dict(parse_qsl(request.content.decode(), keep_blank_values=True)))
        return httpx.Response(422, text="<h2>There is a problem</h2><p>fill this in</p>")

    browser = Browser("http://console.test")
    await browser.http.aclose()
    browser.http = httpx.AsyncClient(
        base_url="http://console.test", transport=httpx.MockTransport(answer)
    )
    page = await browser.opens("/acme/causes/1")
    refusal = "POST /acme/causes/1/preview: 422 There is a problem fill this in"
    with pytest.raises(httpx.HTTPStatusError, match=re.escape(refusal)):
        await browser.sends(page, "/preview", {"item.erp_item": "NEW"})
    await browser.http.aclose()
    assert sent[0]["item.erp_item"] == "NEW"
    assert sent[0]["item.item"] == "price_1"
    assert "item.tier" not in sent[0]
