"""Tax rates and prices that documents name by their ids alone, kept for a while."""

import time
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from connectors.stripe.client import StripeClient
from connectors.stripe.gathering import each_of, gathering, if_there
from connectors.stripe.taxes import Catalogue
from connectors.stripe.wire import Identified, Price, TaxRate
from connectors.stripe.wire_documents import FinalLine, Invoice, InvoiceItem, InvoiceLine
from connectors.stripe.wire_subscriptions import SubscriptionItem

#: Seconds. What a rate is never changes at Stripe; what people note on a price does.
_RATES_FOR, _PRICES_FOR = 86_400.0, 600.0
#: Stripe Tax makes a rate for every jurisdiction: what is kept is bounded.
_MOST_KEPT = 5_000

T = TypeVar("T", bound=Identified)


class CatalogueReader:
    """The rates and prices of one connection. Whatever shows some on the way is learned from; the
    rest is read by id, and what Stripe has no more is left out."""

    def __init__(self, reads: StripeClient, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._reads = reads
        self._rates: _Kept[TaxRate] = _Kept(_RATES_FOR, clock)
        self._prices: _Kept[Price] = _Kept(_PRICES_FOR, clock)

    def learn(self, *, rates: Iterable[TaxRate] = (), prices: Iterable[Price] = ()) -> None:
        self._rates.keep(rates)
        self._prices.keep(prices)

    def learn_items(self, items: Iterable[SubscriptionItem]) -> None:
        self._prices.keep(item.price for item in items)

    async def priced(self, keys: Iterable[str]) -> dict[str, Price]:
        """The prices of these ids, as far as there are any."""
        wanted = set(keys)
        read = await each_of(
            lambda key: if_there(self._reads.price(key)), self._prices.missing(wanted)
        )
        self._prices.keep(price for price in read if price is not None)
        return self._prices.of(wanted)

    async def known(
        self, *, invoices: Iterable[Invoice], lines: Iterable[FinalLine | InvoiceItem]
    ) -> Catalogue:
        """What `lines` name."""
        for invoice in invoices:
            self._rates.keep(invoice.default_tax_rates or ())
        found = list(lines)
        rates, prices = set(_rates_named(found)), set(_prices_named(found))
        async with gathering() as reads:
            read_rates = reads.create_task(
                each_of(lambda key: if_there(self._reads.tax_rate(key)), self._rates.missing(rates))
            )
            read_prices = reads.create_task(
                each_of(lambda key: if_there(self._reads.price(key)), self._prices.missing(prices))
            )
        self._rates.keep(rate for rate in read_rates.result() if rate is not None)
        self._prices.keep(price for price in read_prices.result() if price is not None)
        return Catalogue(self._rates.of(rates), self._prices.of(prices))


class _Kept(Generic[T]):
    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._found: dict[str, tuple[float, T]] = {}

    def keep(self, found: Iterable[T]) -> None:
        until = self._clock() + self._seconds
        for each in found:
            self._found[each.id] = (until, each)
        while len(self._found) > _MOST_KEPT:
            del self._found[next(iter(self._found))]

    def missing(self, keys: Iterable[str]) -> list[str]:
        now = self._clock()
        return sorted(key for key in keys if key not in self._found or self._found[key][0] < now)

    def of(self, keys: Iterable[str]) -> dict[str, T]:
        return {key: self._found[key][1] for key in keys if key in self._found}


def _rates_named(lines: Iterable[FinalLine | InvoiceItem]) -> Iterable[str]:
    for line in lines:
        for tax in (line.taxes or ()) if isinstance(line, FinalLine) else ():
            if tax.tax_rate_details is not None:
                yield tax.tax_rate_details.tax_rate


def _prices_named(lines: Iterable[FinalLine | InvoiceItem]) -> Iterable[str]:
    for line in lines:
        if isinstance(line, InvoiceLine | InvoiceItem) and line.pricing is not None:
            details = line.pricing.price_details
            if details is not None:
                yield details.price
