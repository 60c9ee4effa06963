"""A yes to what policy does not let pass: whose it may be, and whether it is enough."""

from collections.abc import Collection

from canonical_models.acts import ACTS, Act, Role
from canonical_models.approvals import Approval, ApprovalAsked, Need
from canonical_models.base import Canonical, isoformat
from canonical_models.exceptions import Action, Resolution
from canonical_models.mends import decisions_of
from canonical_models.views import ExceptionView
from operations.errors import Conflict
from operations.permissions import Forbidden
from persistence import approvals
from persistence.connection import Connection


class Standing(Canonical):
    """How far a `need` is met: who has said yes that counts, and how many more it takes."""

    need: Need
    given: tuple[str, ...]
    missing: int


class ApprovalStands(Canonical):
    """What is asked, by the digest of its `content`, and who has said yes to exactly that. Anybody
    who may approve, once, where nothing else is needed. `before` are those who said yes to what it
    was."""

    content: str
    standing: tuple[Standing, ...]
    said: tuple[Approval, ...]
    before: tuple[str, ...]


async def stands(conn: Connection, tenant: str, asked: ExceptionView) -> ApprovalStands | None:
    """None where no yes is asked."""
    subject, request = await _request(conn, tenant, asked)
    if request is None:
        return None
    told = await approvals.of(conn, tenant, subject)
    said = tuple(each for each in told if each.content == request.content)
    return ApprovalStands(
        content=request.content,
        standing=tuple(standing_of(need, said) for need in request.needs),
        said=said,
        before=tuple(sorted({each.by for each in told} - {each.by for each in said})),
    )


async def content_of(conn: Connection, tenant: str, asked: ExceptionView) -> str | None:
    """The digest of what a yes would be to; None where none is asked."""
    _, request = await _request(conn, tenant, asked)
    return request.content if request else None


async def say_yes(
    conn: Connection,
    tenant: str,
    asked: ExceptionView,
    resolution: Resolution,
    roles: Collection[Role] | None,
) -> bool:
    """To the content as it is asked now, by somebody with these roles, None for a program's key:
    whether that is all that it takes. The plan is kept as it was. Raises Conflict for a second yes
    of the same person, and Forbidden for one that does not count."""
    subject, request = await _request(conn, tenant, asked)
    if request is None:
        # Asked by a release that kept no such rows: the saga plans anew, and asks with one.
        return True
    by, said = resolution.by, await approvals.of(conn, tenant, subject)
    if any((each.by, each.content) == (by, request.content) for each in said):
        raise Conflict(
            f"{by} has approved {asked.subject} already",
            remedy=f"it needs the yes of {others(request.open(said))}",
            see=("exception", asked.exception_id),
        )
    late = asked.escalated_at is not None
    needs = request.open(said)
    if needs and not any(need.counts(roles, late=late) for need in needs):
        raise forbidden(tenant, f"{by} may not approve {asked.subject}", needs, late=late)
    # Behind a program's key stands nobody who is known: a rule that names roles takes none.
    person = roles is not None
    if request.needs and person and (caused := await approvals.caused(conn, tenant, asked, by)):
        action, at = caused
        raise forbidden(
            tenant,
            f"{by} has caused this (`{action}` at {isoformat(at)}) and may not approve it",
            needs,
            late=late,
            but=by,
        )
    await approvals.put(
        conn, tenant, subject, request.content, by=by, roles=roles, note=resolution.note
    )
    await approvals.keep_plan(conn, tenant, asked.change_id, by=by)
    return not request.open(await approvals.of(conn, tenant, subject))


async def _request(
    conn: Connection, tenant: str, asked: ExceptionView
) -> tuple[str, ApprovalAsked | None]:
    """What it is about, as approvals call it, and what is asked of it now."""
    subject = approvals.subject_of(asked)
    if subject is None or Action.APPROVE not in decisions_of(asked.code):
        return "", None
    return subject, await approvals.asked_of(conn, tenant, subject)


def standing_of(need: Need, said: Collection[Approval]) -> Standing:
    """How far it is met by what was said of its content."""
    given = need.given(said)
    return Standing(need=need, given=given, missing=max(need.people - len(given), 0))


def forbidden(
    tenant: str, why: str, needs: Collection[Need], *, late: bool, but: str | None = None
) -> Forbidden:
    """Of who may not say yes: it names those who can."""
    able = [role for need in needs for role in (*need.roles, *(need.then if late else ()))]
    roles = tuple(dict.fromkeys(able)) or tuple(sorted(ACTS[Act.EXCEPTIONS_APPROVE].roles))
    return Forbidden(
        why,
        remedy=f"it needs the yes of {others(needs)}",
        act=Act.EXCEPTIONS_APPROVE,
        tenant=tenant,
        roles=roles,
        but=but,
    )


def others(needs: Collection[Need]) -> str:
    """Such as `2 people of finance or operations`."""
    told = [
        f"{need.people} {'person' if need.people == 1 else 'people'}"
        + (f" of {' or '.join(need.roles)}" if need.roles else "")
        for need in needs
    ]
    return " and ".join(dict.fromkeys(told)) or "somebody else"
