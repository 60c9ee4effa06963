"""What a snapshot costs in requests for a customer with a long history, against a new one.

    python -m benchmarks.reading [--charges 100000]

Through the adapter, from the simulator of billing, whose requests a transport counts. Both have a
subscription; the history of the long one is written into the simulator's store as copies of what
one paid invoice left there, because a hundred thousand charges take hours over the API.
"""

import argparse
import asyncio
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from benchmarks.limits import Limit, told
from connectors.config import ConnectionConfig
from connectors.stripe.adapter import StripeBilling
from sandbox.simulators.child import running_child

_KEY = "sk_test_trueup"
_FEW = 10
#: Invoices and their parts are long: so many charges have one.
_CHARGES_AN_INVOICE = 20
_COPY = """
insert into objects (id, kind, customer, subscription, clock, due_at, body)
select replace(o.id, :old, :new), o.kind, o.customer, o.subscription, o.clock, o.due_at,
  cast(replace(cast(o.body as text), :old, :new) as blob)
from objects o where o.id = :old
"""


class Counting(httpx.AsyncHTTPTransport):
    def __init__(self) -> None:
        super().__init__(trust_env=False)
        self.seen: Counter[str] = Counter()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen[request.url.path.split("/")[2]] += 1
        return await super().handle_async_request(request)


class Seller:
    """Makes customers over billing's API."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def make(self, what: str, **fields: Any) -> dict[str, Any]:
        answer = await self._http.post(f"/v1/{what}", data=fields)
        answer.raise_for_status()
        made: dict[str, Any] = answer.json()
        return made

    async def price(self) -> str:
        product = await self.make("products", name="Seats")
        fields = {"product": product["id"], "currency": "eur", "unit_amount": 1000}
        return str((await self.make("prices", **fields, **{"recurring[interval]": "month"}))["id"])

    async def subscribe(self, price: str) -> dict[str, Any]:
        customer = await self.make("customers", name="Ada GmbH")
        fields = {"customer": customer["id"], "items[0][price]": price}
        return await self.make("subscriptions", **fields)

    async def charge(self, sold: dict[str, Any]) -> None:
        """One more invoice, paid at once."""
        fields = {"customer": sold["customer"], "subscription": sold["id"]}
        await self.make("invoiceitems", **fields, amount=100, currency="eur")
        invoice = await self.make("invoices", **fields)
        await self.make(f"invoices/{invoice['id']}/finalize")
        await self.make(f"invoices/{invoice['id']}/pay")


def remember(state: Path, customer: str, charges: int) -> int:
    """Copies of one of each kind, until the customer has so many charges; how many it has
    then."""
    with sqlite3.connect(state, timeout=30) as store:
        originals = store.execute(
            "select kind, max(id) from objects where customer = ? and kind in "
            "('charge', 'payment_intent', 'invoice') group by kind",
            (customer,),
        ).fetchall()
        for kind, old in originals:
            count = charges if kind == "charge" else charges // _CHARGES_AN_INVOICE
            copies = ({"old": old, "new": f"{old}x{number}"} for number in range(count - _FEW))
            store.executemany(_COPY, copies)
        found = store.execute(
            "select count(*) from objects where kind = 'charge' and customer = ?", (customer,)
        ).fetchone()
    store.close()
    return int(found[0])


async def cost(url: str, sold: dict[str, Any]) -> int:
    """Requests for a snapshot of the subscription and one of its customer's account."""
    transport = Counting()
    config = ConnectionConfig(
        name="billing",
        vendor="stripe",
        base_url=url,
        secrets={"api_key": SecretStr(_KEY)},
        timeout_seconds=20,
    )
    began = time.perf_counter()
    async with StripeBilling.connect(config, transport=transport) as billing:
        documents = [str(sold["latest_invoice"])]
        await billing.snapshot(sold["id"], documents=documents)
        await billing.account_snapshot(str(sold["customer"]), documents=documents)
    print(
        f"  {transport.seen.total()} requests in {time.perf_counter() - began:.2f} s: "
        + ", ".join(f"{count} {kind}" for kind, count in sorted(transport.seen.items())),
        file=sys.stderr,
    )
    return transport.seen.total()


async def measure(charges: int) -> int:
    with tempfile.TemporaryDirectory(prefix="trueup-bench-") as folder:
        state = Path(folder) / "state.sqlite"
        async with (
            running_child("sandbox.simulators.stripe", "--state", str(state)) as child,
            httpx.AsyncClient(
                base_url=child.url, headers={"authorization": f"Bearer {_KEY}"}, trust_env=False
            ) as http,
        ):
            seller = Seller(http)
            price = await seller.price()
            short, long = await seller.subscribe(price), await seller.subscribe(price)
            for sold in (short, long):
                for _ in range(_FEW - 1):
                    await seller.charge(sold)
            held = await asyncio.to_thread(remember, state, long["customer"], charges)
            if held != charges:
                raise RuntimeError(f"the long history has {held} charges, not {charges}")
            few, many = await cost(child.url, short), await cost(child.url, long)
    name = f"requests of snapshots, {charges} charges / {_FEW}"
    return told([Limit(name, many / few, 1.0)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--charges", type=int, default=100_000)
    return asyncio.run(measure(parser.parse_args().charges))


if __name__ == "__main__":
    sys.exit(main())
