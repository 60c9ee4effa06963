"""Tickets as cases, and SLA policies as what is promised for a tier. Pure.

Source: https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/ and
.../business-rules/sla_policies/.
"""

from collections.abc import Iterable

from canonical_models.support import Deadline, SlaPolicy, SlaTarget, SupportCase
from connectors.words import note
from connectors.zendesk.mapping import tier_tag
from connectors.zendesk.options import ZendeskOptions
from connectors.zendesk.wire import SlaCondition, SlaMetric, Ticket, WireSlaPolicy

#: What else a condition may ask of tags: that none of them is there.
_OTHERS = ("not_includes", None)
#: Tickets that are no open cases.
DONE = ("solved", "closed")


def cases_of(tickets: Iterable[Ticket], options: ZendeskOptions) -> tuple[SupportCase, ...]:
    """Those that are not solved."""
    base = options.agent_url.rstrip("/")
    return tuple(
        SupportCase(
            case_id=str(ticket.id),
            subject=(ticket.subject or "")[:500] or None,
            status=ticket.status[:40],
            priority=ticket.priority[:40] if ticket.priority else None,
            opened_at=ticket.created_at,
            deadlines=tuple(
                Deadline(metric=clock.metric, stage=clock.stage, breach_at=clock.breach_at)
                for clock in (ticket.slas.policy_metrics if ticket.slas else ())
            ),
            url=f"{base}/agent/tickets/{ticket.id}",
        )
        for ticket in tickets
        if ticket.status not in DONE
    )


def sla_of(
    policies: Iterable[WireSlaPolicy], tier: str | None, options: ZendeskOptions
) -> SlaPolicy | None:
    """The first that asks for the tag of the tier; None where none does, or there is no tier."""
    if tier is None:
        return None
    tag = tier_tag(tier, options)
    for policy in policies:
        every, some = policy.filter.all or [], policy.filter.any or []
        others = [each for each in every if not _includes(each, tag)]
        in_every = len(others) < len(every)
        if in_every or any(_includes(each, tag) for each in some):
            return SlaPolicy(
                title=policy.title[:500],
                targets=tuple(map(_target, policy.policy_metrics or ())),
                conditional=bool(others) or (in_every and bool(some)),
            )
    return None


def _target(metric: SlaMetric) -> SlaTarget:
    return SlaTarget(
        priority=metric.priority,
        metric=metric.metric,
        minutes=metric.target,
        business_hours=metric.business_hours,
    )


def _includes(condition: SlaCondition, tag: str) -> bool:
    if condition.field != "current_tags":
        return False
    if condition.operator != "includes":
        if condition.operator not in _OTHERS:
            note("filter.operator", str(condition.operator), "read as not asking for the tag")
        return False
    value = condition.value
    words = value.split() if isinstance(value, str) else value if isinstance(value, list) else ()
    return tag in words
