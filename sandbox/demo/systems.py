"""The other systems as their own users see them: small readers and writers of each one's API."""

import base64
import json
from decimal import Decimal
from typing import Any

import httpx

from sandbox.embedded.facts import (
    ApiFacts,
    StripeFacts,
    TargetFacts,
    TrytonFacts,
    ZendeskFacts,
)

Row = dict[str, Any]


class System:
    """One system over HTTP. Raises httpx.HTTPStatusError with the answer's text."""

    def __init__(self, base_url: str, **options: Any) -> None:
        # Servers close what is idle for five seconds, and may do so when it is used again.
        limits = httpx.Limits(keepalive_expiry=2)
        self.http = httpx.AsyncClient(
            base_url=base_url, timeout=60, trust_env=False, limits=limits, **options
        )

    async def ask(self, method: str, path: str, **options: Any) -> Any:
        answer = await self.http.request(method, path, **options)
        if answer.is_error:
            raise httpx.HTTPStatusError(
                f"{method} {answer.request.url.path}: {answer.status_code} {answer.text[:500]}",
                request=answer.request,
                response=answer,
            )
        return answer.json() if answer.content else None


class Billing(System):
    """Stripe's API: forms in, JSON out."""

    def __init__(self, facts: StripeFacts) -> None:
        super().__init__(facts.url, headers={"Authorization": f"Bearer {facts.api_key}"})

    async def make(self, what: str, **fields: Any) -> Row:
        made: Row = await self.ask("POST", f"/v1/{what}", data=fields)
        return made

    async def all(self, what: str, **filters: Any) -> list[Row]:
        found: list[Row] = (await self.ask("GET", f"/v1/{what}", params={"limit": 100, **filters}))[
            "data"
        ]
        return found

    async def read(self, what: str) -> Row:
        found: Row = await self.ask("GET", f"/v1/{what}")
        return found


class Erp(System):
    """Tryton's REST interface."""

    def __init__(self, facts: TrytonFacts) -> None:
        super().__init__(
            f"{facts.url}/{facts.database}/rest/model/",
            headers={
                "Authorization": f"Bearer {facts.api_key}",
                "Content-Type": "application/json",
            },
        )

    async def documents(self, party: str) -> list[Row]:
        """Every customer document of the party (by its code), drafts included, oldest first."""
        fields = [
            "number",
            "reference",
            "external_id",
            "state",
            "untaxed_amount",
            "tax_amount",
            "total_amount",
            "amount_to_pay",
            "currency.code",
            "lines.origin",
        ]
        found: list[Row] = await self.ask(
            "GET",
            "account.invoice",
            params=[
                ("d", _encoded([["party.code", "=", party], ["type", "=", "out"]])),
                ("o", _encoded([["id", "ASC"]])),
                *(("f", field) for field in fields),
            ],
        )
        return found

    async def deferred(self, document: int) -> list[Row]:
        """The schedules by which the revenue of a document is earned, with what they booked."""
        fields = ["state", "amount", "start_date", "end_date", "moves.date", "moves.state"]
        found: list[Row] = await self.ask(
            "GET",
            "account.invoice.deferred",
            params=[
                ("d", _encoded([["invoice_line.invoice", "=", document]])),
                *(("f", field) for field in fields),
            ],
        )
        return found


class Desk(System):
    """Zendesk's API."""

    def __init__(self, facts: ZendeskFacts) -> None:
        super().__init__(facts.url, auth=(f"{facts.email}/token", facts.token or ""))

    async def organization(self, external_id: str) -> Row:
        found = await self.ask(
            "GET", "/api/v2/organizations/search", params={"external_id": external_id}
        )
        return dict(found["organizations"][0])

    async def refuse_organizations(self) -> None:
        """From now on no organisation can be changed: the 'fails for good' of the third story."""
        fault = {"method": "PUT", "path_prefix": "/api/v2/organizations", "status": 422}
        await self.ask("POST", "/_sim/faults", json=[{**fault, "times": None}])

    async def recover(self) -> None:
        await self.ask("DELETE", "/_sim/faults")


class Product(System):
    """What is sold: told over signed HTTP what each customer may use."""

    def __init__(self, facts: TargetFacts) -> None:
        super().__init__(facts.url)

    async def features(self, customer_id: str) -> dict[str, int]:
        """Nothing for a customer of whom it was never told."""
        answer = await self.http.get(f"/_sim/customers/{customer_id}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return {}
        return {entry["feature"]: entry["quantity"] for entry in answer.json()["features"]}


class Trueup(System):
    """Trueup's own API, as a portal or an agent's sidebar would use it."""

    def __init__(self, facts: ApiFacts) -> None:
        super().__init__(facts.url, headers={"Authorization": f"Bearer {facts.key}"})

    async def changes(self, subscription_id: str) -> list[Row]:
        """Oldest first."""
        found = await self.ask("GET", "/v1/changes", params={"subscription": subscription_id})
        return sorted(found["items"], key=lambda change: int(change["seq"]))

    async def changes_of_customer(self, customer_id: str) -> list[Row]:
        """Of its subscriptions and its account, newest first, as far as the last 200 go."""
        found = await self.ask("GET", "/v1/changes", params={"limit": 200})
        return [change for change in found["items"] if change["customer_id"] == customer_id]

    async def changes_of(self, *subjects: str) -> list[Row]:
        """Of each of these, newest first, as far as its last 50 go."""
        found: list[Row] = []
        for subject in subjects:
            page = await self.ask("GET", "/v1/changes", params={"subject": subject, "limit": 50})
            found += page["items"]
        return found

    async def targets_of(self, customer_id: str) -> Row:
        """What targets hold of the customer, compared with what they should."""
        given = {"customer": customer_id}
        return dict(await self.ask("POST", "/v1/targets/check", params=given))

    async def differences(self) -> list[Row]:
        found = await self.ask("GET", "/v1/differences")
        return list(found["items"])

    async def exceptions(self, change_id: str) -> list[Row]:
        found = await self.ask("GET", "/v1/exceptions", params={"change": change_id})
        return list(found["items"])

    async def features(self, customer_id: str) -> dict[str, int]:
        found = await self.ask("GET", "/v1/entitlements", params={"customer": customer_id})
        return {entry["feature"]: entry["quantity"] for entry in found["items"]}

    async def map(self, **mapping: Any) -> None:
        await self.ask("PUT", "/v1/mappings", json=mapping)


def amount(value: Row) -> Decimal:
    """A decimal as Tryton writes it."""
    return Decimal(value["decimal"])


def _encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
