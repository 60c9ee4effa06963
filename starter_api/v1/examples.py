"""Examples for OpenAPI: one story, an upgrade. A test validates each against its model."""

from typing import Any

from starter_api.v1.examples_causes import CAUSE, FORM, HISTORY

CHANGE: dict[str, Any] = {
    "change_id": "chg_01",
    "seq": 42,
    "tenant": "acme",
    "connection": "billing",
    "subject": "sub_1QfTrueup",
    "subscription_id": "sub_1QfTrueup",
    "customer_id": "cus_QfTrueup",
    "documents": ["in_1QfTrueup"],
    "event_id": "evt_1QfTrueup",
    "kind": "upgrade",
    "lane": 1,
    "state": "settled",
    "outcome": "completed",
    "stage": "completed",
    "summary": "upgrade: 10 x prod_team to 10 x prod_business",
    "run_id": "0193f0a2-1111-7000-8000-000000000001",
    "held": False,
    "taken_in_by": None,
    "requeued": 0,
    "happened": [],
    "plan_digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "occurred_at": "2026-11-22T10:00:00Z",
    "received_at": "2026-11-22T10:00:01Z",
    "started_at": "2026-11-22T10:00:01.050Z",
    "settled_at": "2026-11-22T10:00:02Z",
}

_STEP: dict[str, Any] = {
    "at": "2026-11-22T10:00:01.600Z",
    "system": "erp",
    "what": "post invoice",
    "state": "confirmed",
    "document": "INV-2026-0042",
    "url": None,
    "note": "in_1QfTrueup",
}

_EFFECT: dict[str, Any] = {
    "key": "document:acme/in_1QfTrueup",
    "step": "erp.document/in_1QfTrueup",
    "system": "erp",
    "operation": "post invoice",
    "state": "confirmed",
    "attempts": 1,
    "document": "INV-2026-0042",
    "url": None,
    "undo_document": None,
    "error": None,
    "created_at": "2026-11-22T10:00:01.200Z",
    "attempted_at": "2026-11-22T10:00:01.200Z",
    "confirmed_at": "2026-11-22T10:00:01.600Z",
    "compensated_at": None,
}

_WORKFLOW = (
    "http://127.0.0.1:8233/namespaces/default/workflows/subscription%2Facme%2Fsub_1QfTrueup/"
    "0193f0a2-1111-7000-8000-000000000001/history"
)

CHANGE_DETAIL: dict[str, Any] = {
    "change": CHANGE,
    "words": "Every system agrees, proven by reading each back "
    "(upgrade: 10 x prod_team to 10 x prod_business).",
    "timeline": [_STEP],
    "effects": [_EFFECT],
    "exceptions": [],
    "decided": [],
    "proof": {"read_at": "2026-11-22T10:00:01.900Z"},
    "terms": "91d5" * 16,
    "workflow_url": _WORKFLOW,
}

CANCELLED: dict[str, Any] = {
    "change_id": "chg_01",
    "how": "requested",
    "words": "The saga has been asked to stop and takes back what it has done, but for documents "
    "that are posted.",
}
CANCELLED_LATER: dict[str, Any] = {
    "change_id": "chg_01",
    "how": "kept",
    "words": "Kept: its saga could not be asked yet, and is asked by itself as soon as it can be.",
}

HOLD_CHANGE: dict[str, Any] = {"reason": "the books are being moved"}
CHANGE_HELD: dict[str, Any] = {
    "change_id": "chg_01",
    "held": True,
    "already": False,
    "words": "Held: neither it nor what comes after it of its subject is begun, and what it has "
    "done stands, until it is released.",
}
CHANGE_RELEASED: dict[str, Any] = {
    "change_id": "chg_01",
    "held": False,
    "already": False,
    "words": "Released: it goes on when its turn comes, from what billing says then.",
}

SIGNAL: dict[str, Any] = {
    "name": "decide",
    "payload": {"exception_id": "exc_5f1d2c3b4a596877", "action": "retry"},
}
SIGNALLED: dict[str, Any] = {"change_id": "chg_01", "name": "decide"}

EXCEPTION: dict[str, Any] = {
    "exception_id": "exc_5f1d2c3b4a596877",
    "tenant": "acme",
    "change_id": "chg_01",
    "workflow_id": None,
    "track": "books",
    "belongs_to": "sub_1QfTrueup",
    "subscription_id": "sub_1QfTrueup",
    "customer_id": "cus_QfTrueup",
    "step": "plan and post",
    "system": "trueup",
    "failure_class": "rejected",
    "code": "item_unmapped",
    "subject": "prod_ai",
    "fingerprint": "a3bf4f1b2b0b822c",
    "cause_id": "b3bf4f1b2b0b822c",
    "owner": "finance",
    "message": "billing item prod_ai has no ERP item: map it",
    "at_risk": {"minor": 12000, "currency": "EUR"},
    "state": "open",
    "resolution": None,
    "resolved_by": None,
    "note": None,
    "opened_at": "2026-11-22T10:00:01.300Z",
    "due_at": "2026-11-22T18:00:01.300Z",
    "escalated_at": None,
    "resolved_at": None,
    "assignee": None,
    "tags": [],
}

_WAITING: dict[str, Any] = {**CHANGE, "state": "waiting", "outcome": None, "settled_at": None}

DECISION: dict[str, Any] = {
    "decision_id": "dec_0d9c8b7a6f5e4d3c2b1a",
    "at": "2026-11-22T10:20:00Z",
    "by": "finance-desk",
    "door": "api",
    "action": "correct",
    "target_kind": "exception",
    "target_id": "exc_5f1d2c3b4a596877",
    "change_id": "chg_01",
    "scope": "case",
    "shown_version": None,
    "shown_digest": "0d9c8b7a6f5e4d3c",
    "before": {"item": None},
    "after": {
        "exception_id": "exc_5f1d2c3b4a596877",
        "action": "correct",
        "by": "finance-desk",
        "item": {"item": "prod_ai", "erp_item": "AI-ADDON"},
    },
    "reason": "",
    "once": None,
    "delivered_at": "2026-11-22T10:20:00.200Z",
    "outcome": "taken",
}

EXCEPTION_DETAIL: dict[str, Any] = {
    "exception": EXCEPTION,
    "change": _WAITING,
    "decisions": ["retry", "correct", "abort"],
    "decided": [],
    "digest": "0d9c8b7a6f5e4d3c",
    "form": FORM,
    "cause": CAUSE,
    "history": HISTORY,
    "workflow_url": _WORKFLOW,
    "approval": None,
}

CAUSE_DETAIL: dict[str, Any] = {
    "cause": CAUSE,
    "cases": [EXCEPTION],
    "next": None,
    "form": FORM,
    "history": HISTORY,
}

RESOLVED: dict[str, Any] = {
    "exception": {
        **EXCEPTION,
        "state": "resolved",
        "resolution": "correct",
        "resolved_by": "finance-desk",
        "note": "",
        "resolved_at": "2026-11-22T10:20:00Z",
    },
    "decision": DECISION,
    "already": False,
    "became": "handed_over",
    "change": {**_WAITING, "state": "running"},
    "workflow_url": _WORKFLOW,
}
RESOLVED_LATER: dict[str, Any] = {
    **RESOLVED,
    "exception": EXCEPTION,
    "decision": {**DECISION, "delivered_at": None, "outcome": None},
    "became": "kept",
    "change": _WAITING,
}

REOPENED: dict[str, Any] = {
    "exception": {
        **EXCEPTION,
        "state": "resolved",
        "resolution": "abort",
        "resolved_by": "finance-desk",
        "note": "sold by mistake",
        "resolved_at": "2026-11-22T10:20:00Z",
    },
    "change_ids": ["chg_02"],
    "released": ["in_1QfTrueup"],
}

ACCOUNT: dict[str, Any] = {
    "billing_customer": "cus_QfTrueup",
    "erp_party": "1007",
    "support_organization": "360001",
    "legal_entity": "DE",
}

CORRECTION: dict[str, Any] = {"document_id": "in_1QfTrueup", "tax_code": "DE-19"}

ITEM: dict[str, Any] = {
    "item": "prod_ai",
    "erp_item": "AI-ADDON",
    "per_unit": ["ai-seats"],
    "included": ["sso"],
    "support_tier": "premium",
}

MAPPING: dict[str, Any] = {
    "kind": "item",
    "source": "prod_ai",
    "target": ITEM,
    "valid_from": "2026-11-22T10:20:00Z",
    "valid_to": None,
    "set_by": "finance-desk",
}
MAPPED: dict[str, Any] = {"mapping": MAPPING, "replaced": None, "changed": True}

GRANT: dict[str, Any] = {
    "customer_id": "cus_QfTrueup",
    "feature": "seats",
    "source": "subscription",
    "source_id": "si_QfTrueup",
    "subscription_id": "sub_1QfTrueup",
    "quantity": 10,
    "starts_at": "2026-11-01T00:00:00Z",
    "ends_at": None,
}
ENTITLEMENT: dict[str, Any] = {
    "customer_id": "cus_QfTrueup",
    "feature": "seats",
    "quantity": 10,
    "until": None,
    "because": [GRANT],
}
HELD_BACK: dict[str, Any] = {
    "grant": {
        **GRANT,
        "feature": "sso",
        "state": "suspended",
        "reason": "suspended until it is paid",
    },
    "why": "suspended until it is paid",
}
ENTITLEMENTS: dict[str, Any] = {
    "customer_id": "cus_QfTrueup",
    "as_of": "2026-11-22T10:30:00Z",
    "items": [ENTITLEMENT],
    "held_back": [HELD_BACK],
}
CHECK: dict[str, Any] = {
    **ENTITLEMENT,
    "allowed": True,
    "because_not": [],
    "as_of": "2026-11-22T10:30:00Z",
}

AGREED: dict[str, Any] = {
    "subscription": {
        "subscription_id": "sub_1QfTrueup",
        "customer": {"customer_id": "cus_QfTrueup", "currency": "EUR", "tax_country": "DE"},
        "status": "active",
        "currency": "EUR",
        "items": [
            {
                "item_id": "si_QfTrueup",
                "plan": {
                    "plan_id": "price_business",
                    "item": "prod_business",
                    "unit_price": {"minor": 4900, "currency": "EUR"},
                },
                "quantity": 10,
                "period_start": "2026-11-01T00:00:00Z",
                "period_end": "2026-12-01T00:00:00Z",
            }
        ],
        "started_at": "2026-01-01T00:00:00Z",
        "ends_at": None,
        "ended_at": None,
        "as_of": "2026-11-22T10:00:01Z",
    },
    "change_id": "chg_01",
    "synced_at": "2026-11-22T10:00:02Z",
}

FEED: dict[str, Any] = {
    "items": [
        {
            "specversion": "1.0",
            "id": "chg_01/entitlement.changed.v1",
            "source": "/tenants/acme",
            "type": "io.trueup.entitlement.changed.v1",
            "subject": "sub_1QfTrueup",
            "time": "2026-11-22T10:00:02Z",
            "datacontenttype": "application/json",
            "data": {
                "change_id": "chg_01",
                "subscription_id": "sub_1QfTrueup",
                "customer_id": "cus_QfTrueup",
                "features": {"seats": 10},
            },
        }
    ],
    "next": "WzQyXQ",
}


RECEIVED: dict[str, Any] = {
    "inbox_id": 17,
    "receipt": "rcp_0d9c8b7a6f5e4d3c2b1a09f8",
    "tenant": "acme",
    "connection": "billing",
    "event_id": "evt_1QfTrueup",
    "event_type": "customer.subscription.updated",
    "status": "dispatched",
    "reason": None,
    "change_id": "chg_01",
    "replays": 0,
    "size": 4096,
    "received_at": "2026-11-22T10:00:01Z",
    "settled_at": "2026-11-22T10:00:01.020Z",
}
RECEIVED_DETAIL: dict[str, Any] = {"item": RECEIVED, "change": CHANGE, "body": None}
REPLAY: dict[str, Any] = {
    "item": {**RECEIVED, "status": "received", "replays": 1, "settled_at": None},
    "done": True,
    "words": "Is being read again; it makes a new upgrade change of subscription sub_1QfTrueup.",
    "reads_as": {
        "event_id": "evt_1QfTrueup",
        "subscription_id": "sub_1QfTrueup",
        "customer_id": "cus_QfTrueup",
        "kind": "upgrade",
        "occurred_at": "2026-11-22T10:00:00Z",
        "document_id": None,
        "payment_id": None,
        "bulk": False,
    },
    "foreseen": None,
}
REPLAYS_FORESEEN: dict[str, Any] = {
    "total": 412,
    "items": [
        {
            **REPLAY,
            "done": False,
            "words": "Would be read again; it makes a new upgrade change of subscription "
            "sub_1QfTrueup. As things are it goes through: already agreed everywhere.",
        }
    ],
}


def page(item: dict[str, Any]) -> dict[str, Any]:
    return {"items": [item], "next": None}
