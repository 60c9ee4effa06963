"""All documents of a Stripe account by when they were made, oldest first, page by page.

Stripe lists the newest first and cannot begin at the oldest, so a page is read as a span of time
that is narrowed until it fits into one answer of each list. The cursor says where the last page
ended, and how wide its span was: the next one begins there, with a span that fits at once.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from connectors.stripe.client_documents import StripeDocuments
from connectors.stripe.gathering import gathering
from connectors.stripe.reading import Found, found_of
from connectors.stripe.wire import Page
from connectors.stripe.wire_documents import CreditNote, Invoice

_CURSOR = re.compile(r"(\d{1,12})\.([!-~]{0,255})\.(\d{0,12})")

#: The span is halved until it fits: of a century 32 times.
_FIRST_SPAN = 2**32


class Cursor(NamedTuple):
    """The last document that was told, and how many seconds its page spanned; None where all the
    rest fitted into one."""

    created: int
    document: str
    span: int | None

    def __str__(self) -> str:
        return f"{self.created}.{self.document}.{self.span or ''}"

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """Raises ValueError for what was never a cursor of ours."""
        found = _CURSOR.fullmatch(text)
        if found is None:
            raise ValueError(f"{text[:80]!r} is no cursor of a page of documents")
        created, document, span = found.groups()
        return cls(int(created), document, int(span) if span else None)


class _Span(NamedTuple):
    """Everything that was made from `since` on and before `before`; None is without an end."""

    since: int
    before: int | None
    invoices: list[Invoice]
    notes: list[CreditNote]


class PageReader:
    """The pages of one connection. Raises the failures of `errors.REFUSALS`."""

    def __init__(self, reads: StripeDocuments, now: Callable[[], datetime]) -> None:
        self._reads = reads
        self._now = now

    async def page(self, after: Cursor, limit: int) -> tuple[Found, Cursor | None]:
        """Up to `limit` invoices and credit notes made after `after`, drafts counted but not told,
        and the cursor of the next page. Empty pages do not come but at the end."""
        since, span = after.created, after.span
        while True:
            read = await self._fitting(since, span)
            rest = [entry for entry in _entries(read) if entry[:2] > after[:2]]
            told = rest[:limit]
            ended = read.before is None and len(told) == len(rest)
            width = None if read.before is None else read.before - read.since
            final = [entry for entry in told if not _is_draft(entry[2])]
            if final or ended:
                found = found_of(
                    invoices=[each for *_, each in final if isinstance(each, Invoice)],
                    notes=[each for *_, each in final if isinstance(each, CreditNote)],
                )
                return found, None if ended else _next(read, told, rest, width)
            if len(told) < len(rest):
                after = Cursor(told[-1][0], told[-1][1], width)
                since, span = after.created, width
            else:
                # Nothing is told of a span: the next one follows, wider.
                since, span = read.before or since, _wider(width)

    async def _fitting(self, since: int, span: int | None) -> _Span:
        """The widest span, of `span` seconds or less, of which everything fits into one answer."""
        wide, now = span, int(self._now().timestamp())
        while True:
            # What would reach into the future has no end: clocks of test mode may be ahead.
            before = None if wide is None or since + wide > now else since + wide
            async with gathering() as reads:
                first = reads.create_task(self._reads.invoices_between(since, before))
                second = reads.create_task(self._reads.notes_between(since, before))
            invoices, notes = first.result(), second.result()
            if not (invoices.has_more or notes.has_more):
                return _Span(since, before, invoices.data, notes.data)
            if wide == 1:
                # More in a second than fits into an answer: nothing is narrower.
                return await self._whole(since, before, invoices, notes)
            wide = max(1, _narrower(since, wide, invoices, notes))

    async def _whole(
        self, since: int, before: int | None, invoices: Page[Invoice], notes: Page[CreditNote]
    ) -> _Span:
        async with gathering() as reads:
            first = reads.create_task(self._reads.more_invoices(invoices, since, before))
            second = reads.create_task(self._reads.more_notes(notes, since, before))
        return _Span(since, before, first.result(), second.result())


def _narrower(
    since: int, wide: int | None, invoices: Page[Invoice], notes: Page[CreditNote]
) -> int:
    """Half of what is known to hold too much: up to the oldest object that did fit."""
    oldest = [page.data[-1].created for page in (invoices, notes) if page.has_more and page.data]
    known = min(oldest, default=since) - since
    return min(known, wide or _FIRST_SPAN) // 2


Entry = tuple[int, str, Invoice | CreditNote]


def _entries(read: _Span) -> list[Entry]:
    """By when they were made; of the same second by id."""
    every: list[Invoice | CreditNote] = [*read.invoices, *read.notes]
    return sorted(((each.created, each.id, each) for each in every), key=lambda entry: entry[:2])


def _is_draft(found: Invoice | CreditNote) -> bool:
    return isinstance(found, Invoice) and not found.final


def _wider(width: int | None) -> int | None:
    return None if width is None else width * 4


def _next(read: _Span, told: list[Entry], rest: list[Entry], width: int | None) -> Cursor:
    """After the last one told, or where the span ended that was told whole."""
    if len(told) < len(rest) or read.before is None:
        return Cursor(told[-1][0], told[-1][1], width)
    return Cursor(read.before, "", _wider(width))
