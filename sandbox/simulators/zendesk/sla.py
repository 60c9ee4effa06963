"""SLA policies: kept, matched to tickets, and shown as deadlines.

https://developer.zendesk.com/api-reference/ticketing/business-rules/sla_policies/
"""

from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.simulators.zendesk.conditions import check_conditions, holds
from sandbox.simulators.zendesk.paging import paged
from sandbox.simulators.zendesk.store import Store, timestamp
from sandbox.simulators.zendesk.wire import (
    Document,
    blank,
    body_object,
    check_fields,
    not_found,
    record_invalid,
)

PRIORITIES = ("low", "normal", "high", "urgent")
METRICS = (
    "first_reply_time",
    "next_reply_time",
    "periodic_update_time",
    "requester_wait_time",
    "agent_work_time",
    "total_resolution_time",
)
# next_reply_time and periodic_update_time need a customer's turn, which nobody simulates.
CLOCKED = ("first_reply_time", "requester_wait_time", "agent_work_time", "total_resolution_time")
PAUSING = {"requester_wait_time": {"pending"}, "agent_work_time": {"pending", "hold"}}
WRITABLE: dict[str, object] = {
    "title": str,
    "description": str,
    "position": int,
    "filter": dict,
    "policy_metrics": [dict],
}
METRIC_KINDS: dict[str, object] = {
    "priority": PRIORITIES,
    "metric": METRICS,
    "target": int,
    "business_hours": bool,
}


class SlaPolicies:
    """Endpoints under `/api/v2/slas/policies`, and what a policy means for a ticket."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        """Paths in matching order."""
        base = "/api/v2/slas/policies"
        return [
            Route(base, self.list_all, methods=["GET"]),
            Route(base, self.create, methods=["POST"]),
            Route(f"{base}/{{id:int}}", self.show, methods=["GET"]),
            Route(f"{base}/{{id:int}}", self.update, methods=["PUT"]),
            Route(f"{base}/{{id:int}}", self.delete, methods=["DELETE"]),
        ]

    async def list_all(self, request: Request) -> Response:
        """All policies, in the order in which they are matched."""
        rendered = [_render(request, policy) for policy in self._in_order()]
        return JSONResponse(paged(request, "sla_policies", rendered))

    async def show(self, request: Request) -> Response:
        """One policy."""
        return JSONResponse({"sla_policy": _render(request, self._existing(request))})

    async def create(self, request: Request) -> Response:
        """A new policy, last in order unless `position` says otherwise."""
        given = await body_object(request, "sla_policy")
        missing = [name for name in ("title", "filter") if blank(given.get(name))]
        if missing:
            raise record_invalid(
                {name: (f"{name.capitalize()}: cannot be blank", "BlankValue") for name in missing}
            )
        with self._store:
            now = timestamp(self._store.now())
            last = max((policy["position"] for policy in self._store.all("sla_policy")), default=0)
            policy = {
                "id": self._store.next_id("sla_policy"),
                "description": "",
                "position": last + 1,
                "policy_metrics": [],
                "created_at": now,
                "updated_at": now,
                **_checked(given),
            }
            self._store.put("sla_policy", policy)
        return JSONResponse({"sla_policy": _render(request, policy)}, 201)

    async def update(self, request: Request) -> Response:
        """Change a policy. Tickets keep theirs until they are updated themselves."""
        given = await body_object(request, "sla_policy")
        with self._store:
            now = timestamp(self._store.now())
            policy = {**self._existing(request), **_checked(given), "updated_at": now}
            self._store.put("sla_policy", policy)
        return JSONResponse({"sla_policy": _render(request, policy)})

    async def delete(self, request: Request) -> Response:
        """Remove a policy."""
        with self._store:
            self._store.delete("sla_policy", self._existing(request)["id"])
        return Response(status_code=204)

    def policy_id_for(self, ticket: Document) -> int | None:
        """The first policy, by position, whose filter the ticket meets."""
        organization = None
        if ticket["organization_id"] is not None:
            organization = self._store.get("organization", ticket["organization_id"])
        for policy in self._in_order():
            conditions = policy["filter"]
            every, some = conditions.get("all") or [], conditions.get("any") or []
            if all(holds(one, ticket, organization) for one in every) and (
                not some or any(holds(one, ticket, organization) for one in some)
            ):
                return int(policy["id"])
        return None

    def sideload(self, ticket: Document) -> Document:
        """The `slas` of a ticket: each metric of its policy for its priority, with the time at
        which it breaches, null unless its clock runs. Targets count calendar minutes, business
        hours too, and a pause does not move the deadline."""
        policy_id = ticket["_sla_policy_id"]
        policy = None if policy_id is None else self._store.get("sla_policy", policy_id)
        metrics = [] if policy is None else policy["policy_metrics"]
        return {
            "policy_metrics": [
                _clock(metric, ticket)
                for metric in metrics
                if metric["priority"] == ticket["priority"] and metric["metric"] in CLOCKED
            ]
        }

    def _in_order(self) -> list[Document]:
        return sorted(self._store.all("sla_policy"), key=lambda one: (one["position"], one["id"]))

    def _existing(self, request: Request) -> Document:
        found = self._store.get("sla_policy", request.path_params["id"])
        if found is None:
            raise not_found()
        return found


def _checked(given: Document) -> Document:
    check_fields(given, WRITABLE)
    changes = {k: v for k, v in given.items() if k in WRITABLE and v is not None}
    if "filter" in changes:
        check_conditions(changes["filter"])
        changes["filter"] = {"all": [], "any": [], **changes["filter"]}
    if "policy_metrics" in changes:
        changes["policy_metrics"] = [_checked_metric(one) for one in changes["policy_metrics"]]
    return changes


def _checked_metric(given: Document) -> Document:
    check_fields(given, METRIC_KINDS)
    if any(given.get(name) is None for name in ("priority", "metric", "target")):
        raise record_invalid(
            {"policy_metrics": ("Policy metrics: priority, metric, target", "BlankValue")}
        )
    if not 0 < given["target"] <= 10**6:
        raise record_invalid({"policy_metrics": ("Target: is out of range", "InvalidValue")})
    return {"business_hours": False, **{k: v for k, v in given.items() if k in METRIC_KINDS}}


def _clock(metric: Document, ticket: Document) -> Document:
    name, target = metric["metric"], timedelta(minutes=metric["target"])
    breach_at = timestamp(datetime.fromisoformat(ticket["created_at"]) + target)
    done = ticket["_first_reply_at"] if name == "first_reply_time" else ticket["_solved_at"]
    if done is not None:
        stage = "achieved"
    elif ticket["status"] in PAUSING.get(name, ()):
        stage = "paused"
    else:
        stage = "active"
    return {
        "metric": name,
        "stage": stage,
        "breach_at": breach_at if stage == "active" else None,
    }


def _render(request: Request, policy: Document) -> Document:
    return {"url": f"{request.base_url}api/v2/slas/policies/{policy['id']}.json", **policy}
