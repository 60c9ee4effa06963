"""The console as a browser without scripts uses it: pages, their links, and their forms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx

from sandbox.demo.systems import System


@dataclass
class Form:
    """Where it is sent, what it would send as it stands, and all the names that it can send: of
    what may be chosen nothing is sent until something is."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)


class Page(HTMLParser):
    """Of the HTML: `text` as it is read, `state` the paragraph that says how things stand, `links`
    with their text, and the forms."""

    def __init__(self, path: str, html: str) -> None:
        super().__init__()
        self.path = path
        self.forms: list[Form] = []
        self.links: list[tuple[str, str]] = []
        self._form: Form | None = None
        self._text: list[str] = []
        self._state: list[str] = []
        self._in_state = False
        self._in_link = False
        self._select = ""
        self._long = ""
        self.feed(html)
        self.close()

    @property
    def text(self) -> str:
        return _flat(self._text)

    @property
    def state(self) -> str:
        return _flat(self._state)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        match tag:
            case "form":
                self._form = Form(given.get("action", ""))
                self.forms.append(self._form)
            case "input" if name:
                chosen = given.get("type") not in {"radio", "checkbox"} or "checked" in given
                self._holds(name, given.get("value", "") if chosen else None)
            case "select":
                self._select = name
                self._holds(name, None)
            case "option" if self._form and self._select:
                if "selected" in given or self._select not in self._form.fields:
                    self._holds(self._select, given.get("value", ""))
            case "textarea":
                self._long = name
                self._holds(name, "")
            case "a":
                self._in_link = True
                self.links.append(("", given.get("href", "")))
            case "p":
                self._in_state = "state" in given.get("class", "").split()
            case _:
                pass

    def handle_endtag(self, tag: str) -> None:
        match tag:
            case "form":
                self._form = None
            case "select":
                self._select = ""
            case "textarea":
                self._long = ""
            case "a":
                self._in_link = False
            case "p":
                self._in_state = False
            case _:
                pass

    def handle_data(self, data: str) -> None:
        self._text.append(data)
        if self._in_state:
            self._state.append(data)
        if self._in_link:
            self.links[-1] = (self.links[-1][0] + data, self.links[-1][1])
        if self._long and self._form:
            self._form.fields[self._long] += data

    def _holds(self, name: str, value: str | None) -> None:
        if self._form is not None and name:
            self._form.names.add(name)
            if value is not None:
                self._form.fields[name] = value

    def form(self, action: str, given: Mapping[str, str]) -> Form:
        """The first that is sent to an address ending so and asks for what is given. Raises
        RuntimeError with what the page has instead."""
        to = [form for form in self.forms if form.action.endswith(action)]
        for form in to:
            if form.names >= given.keys():
                return form
        if to:
            asked = ", ".join(sorted(set().union(*(form.names for form in to))))
            raise RuntimeError(
                f"the form of {self.path} to {action} does not ask for all of "
                f"{', '.join(given)}: it asks for {asked}"
            )
        raise RuntimeError(f"{self.path} has no form to {action}; it says: {self.text[:500]}")


class Browser(System):
    """Somebody's browser. Raises httpx.HTTPStatusError, with what the page says, where the console
    refuses."""

    def __init__(self, url: str) -> None:
        super().__init__(url, follow_redirects=True)

    async def signs_in(self, invitation: str) -> Page:
        """By a link that signs one person in, once. The page that they come to."""
        link = await self.opens(f"/sign-in/link/{invitation}")
        return await self.sends(link, "/sign-in/link")

    async def opens(self, path: str) -> Page:
        return _page(await self.http.get(path))

    async def sends(self, page: Page, action: str, given: Mapping[str, str] | None = None) -> Page:
        """A form of the page, with what it holds already and what is given. The page after it."""
        form = page.form(action, given or {})
        return _page(await self.http.post(form.action, data={**form.fields, **(given or {})}))


def _page(answer: httpx.Response) -> Page:
    page = Page(answer.url.path, answer.text)
    if answer.is_error:
        raise httpx.HTTPStatusError(
            f"{answer.request.method} {answer.url.path}: {answer.status_code} {page.text[:500]}",
            request=answer.request,
            response=answer,
        )
    return page


def _flat(parts: list[str]) -> str:
    return " ".join(" ".join(parts).split())
