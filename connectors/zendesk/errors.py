"""What each of Zendesk's refusals means to us: see connectors/refusals.py.

Source: https://developer.zendesk.com/api-reference/introduction/requests/#response-format and
.../rate-limits/.
"""

import re

import httpx
import orjson
from pydantic import ValidationError

from canonical_models.failures import Failure, RejectionCode
from connectors.http import retry_after
from connectors.refusals import FOREIGN, Meaning, Refusals, RequestContext, Rule
from connectors.zendesk import SYSTEM
from connectors.zendesk.access import TOKENS_END
from connectors.zendesk.wire import ErrorAnswer, ErrorTitle

#: Of names: the request is about an organisation; another record has the member's value.
_ABOUT, _TAKEN = "about", "taken"

_KEY = (
    "the OAuth client, or the API token, of the connection {it.connection!r} is refused or lacks a "
    "permission; renew the secret `client_secret`, and let the client's owner edit organisations. "
    f"API tokens end on {TOKENS_END}"
)

REFUSALS = Refusals(
    SYSTEM,
    (
        # A wall before Zendesk, such as a firewall's page: it knows no credentials of ours.
        Rule(403, Meaning.BROKE, frozenset({FOREIGN})),
        Rule(401, Meaning.CREDENTIALS, advice=_KEY),
        Rule(403, Meaning.CREDENTIALS, advice=_KEY),
        Rule(
            404,
            Meaning.ELSEWHERE,
            frozenset({"InvalidEndpoint"}),
            advice="check that the base address of {it.connection!r} is the account's own, without "
            "a path, then retry",
        ),
        Rule(
            404,
            Meaning.REFUSED,
            frozenset({_ABOUT}),
            code=RejectionCode.ORGANIZATION_UNKNOWN,
            advice="the organisation was deleted or the connection {it.connection!r} is of another "
            "account; give the customer's organisation this external id or correct the account "
            "mapping, then retry",
        ),
        Rule(
            404,
            Meaning.ELSEWHERE,
            advice="check that the base address of {it.connection!r} is the account's own, without "
            "a path, then retry",
        ),
        # Another request changes the same record.
        Rule(409, Meaning.LATER),
        # Made by another request since it was looked up: the next look-up finds it. It comes
        # first, because the other request will have taken the name as well.
        Rule(422, Meaning.LATER, frozenset({f"{_TAKEN} external_id"})),
        Rule(
            422,
            Meaning.REFUSED,
            frozenset({f"{_TAKEN} name", _ABOUT}),
            code=RejectionCode.ACCOUNT_AMBIGUOUS,
            advice="another organisation has this customer's name; look for it by name in Zendesk "
            "and give it the external id {it.subject!r} if it is the customer's, or rename it if "
            "not, then retry",
        ),
        Rule(
            422,
            Meaning.REFUSED,
            code=RejectionCode.SUPPORT_REFUSED,
            advice="open the record in Zendesk, mend what its rules demand, then retry",
        ),
    ),
    unforeseen="compare Zendesk's changelog for this API and tell the maintainers, then retry",
)


def failure(answer: httpx.Response, context: RequestContext) -> Failure:
    """The failure that an answer other than the expected one stands for."""
    body = _body(answer)
    names = {f"{_TAKEN} {member}" for member in _taken(body)}
    if body is None:
        names.add(FOREIGN)
    if context.subject is not None:
        names.add(_ABOUT)
    if name := _name(body):
        names.add(name)
    return REFUSALS.failure(
        answer.status_code,
        f"Zendesk answered {_said(answer, body)} when asked to {context.words}",
        context,
        names=names,
        delay=retry_after(answer),
        path="$.error" if body else "$",
    )


def _body(answer: httpx.Response) -> ErrorAnswer | None:
    """The error; None where something before Zendesk answered, such as a gateway."""
    try:
        return ErrorAnswer.model_validate(orjson.loads(answer.content))
    except (orjson.JSONDecodeError, ValidationError):
        return None


def _name(body: ErrorAnswer | None) -> str | None:
    """Zendesk's name of the error, where it is a name and not a sentence."""
    if body is None:
        return None
    given = body.error.title if isinstance(body.error, ErrorTitle) else body.error
    if given is None and body.errors:
        given = body.errors[0].code
    return given if given is not None and _is_name(given) else None


def _taken(body: ErrorAnswer | None) -> frozenset[str]:
    """Members of the record whose value another record has, as Zendesk names them."""
    details = body.details if body is not None else None
    return frozenset(
        field
        for field, errors in (details or {}).items()
        if any(one.error == "DuplicateValue" for one in errors)
    )


def _said(answer: httpx.Response, body: ErrorAnswer | None) -> str:
    """`422 RecordInvalid (name: DuplicateValue) (request …)`, made of Zendesk's own names."""
    words = [str(answer.status_code)]
    if name := _name(body):
        words.append(name)
    if body is not None and body.details:
        named = [
            f"{field}: {one.error}"
            for field, errors in body.details.items()
            for one in errors
            if one.error and _is_name(field) and _is_name(one.error)
        ]
        if named:
            words.append(f"({', '.join(named[:3])})")
    request = answer.headers.get("x-request-id")
    if request and re.fullmatch(r"[0-9A-Za-z-]{1,64}", request):
        words.append(f"(request {request})")
    return " ".join(words)


def _is_name(text: str) -> bool:
    """One word cannot tell a person's name or address as a sentence does."""
    return re.fullmatch(r"[A-Za-z_]{1,64}", text) is not None
