"""Pages from templates: everything is escaped, and what a template names has to be there."""

from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from console import assets, figures, words
from console.here import Here

_TEMPLATES = Path(__file__).parent / "templates"


#: What turns the text after it around, whoever has written it.
_TURNS = dict.fromkeys(
    (*range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\N{REPLACEMENT CHARACTER}"
)


def _plain(value: Any) -> Any:
    """Of each expression of a template, before it is escaped."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return value.translate(_TURNS)
    return value


@cache
def environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_plain,
    )
    made.filters |= {
        "money": figures.money,
        "trend": figures.trend,
        "day": figures.day,
        "span": figures.span,
        "seconds": figures.seconds,
    }
    made.globals |= {"asset": assets.address, "say": words}
    return made


def page(here: Here, template: str, *, status: int = 200, **given: Any) -> HTMLResponse:
    """Of a company. `done` of the address says what was just done, in words of ours."""
    done = words.DONE.get(here.request.query_params.get("done", ""))
    # The company's own things are reached from every page of it.
    told = {"here": here, "clock": here.clock, "done": done, "csrf": here.csrf, "problem": None}
    told["wishes"] = here.person.settings
    return _answer(template, status, **(told | given))


def bare(request: Request, template: str, *, status: int = 200, **given: Any) -> HTMLResponse:
    """Of no company: signing in, or an error before it is known who it is for."""
    return _answer(template, status, request=request, **given)


def _answer(template: str, status: int, **given: Any) -> HTMLResponse:
    html = environment().get_template(template).render(**given)
    return HTMLResponse(html, status)
