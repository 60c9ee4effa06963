"""What each of Request Tracker's refusals means to us: see connectors/refusals.py.

Source: RT::REST2, https://docs.bestpractical.com/rt/5.0.3/RT/REST2.html, and what RT 5.0.3 answers.
It has no names for what is wrong, and its sentences are in the user's language: a status is all.
"""

import httpx
import orjson
from pydantic import ValidationError

from canonical_models.failures import Failure, RejectionCode
from connectors.http import retry_after
from connectors.refusals import FOREIGN, Meaning, Refusals, RequestContext, Rule
from connectors.request_tracker import SYSTEM
from connectors.request_tracker.wire import ErrorAnswer

#: Of names: the request is about a customer's asset.
_ABOUT = "about"

_SIGN_IN = (
    "the secret `token` of the connection {it.connection!r} is refused, or its user lacks a "
    "right; make a token under Logged in as, Settings, Auth Tokens, and give its user the rights "
    "that docs/request-tracker.md names"
)
_ELSEWHERE = (
    "check that the base address of {it.connection!r} is where people open Request Tracker, "
    "without /REST/2.0, then retry"
)

REFUSALS = Refusals(
    SYSTEM,
    (
        Rule(
            400,
            Meaning.REFUSED,
            frozenset({_ABOUT}),
            code=RejectionCode.SUPPORT_REFUSED,
            advice="open the assets of {it.subject!r} in Request Tracker; one that holds the same "
            "id, in upper or lower case, keeps another from being made, and a custom field may ask "
            "for a certain form. Mend that, then retry",
        ),
        Rule(401, Meaning.CREDENTIALS, advice=_SIGN_IN),
        Rule(403, Meaning.CREDENTIALS, advice=_SIGN_IN),
        Rule(
            404,
            Meaning.REFUSED,
            frozenset({_ABOUT}),
            code=RejectionCode.ORGANIZATION_UNKNOWN,
            advice="the asset was shredded meanwhile, or the connection {it.connection!r} is of "
            "another installation; make the customer's asset anew, or correct the account mapping, "
            "then retry",
        ),
        Rule(404, Meaning.ELSEWHERE, advice=_ELSEWHERE),
        Rule(409, Meaning.LATER),
        # Somebody has changed the asset since it was read: nothing was written.
        Rule(412, Meaning.LATER),
    ),
    unforeseen="compare Request Tracker's release notes and tell the maintainers, then retry",
)


def failure(answer: httpx.Response, context: RequestContext) -> Failure:
    """The failure that an answer other than the expected one stands for."""
    names = set[str]()
    if context.subject is not None:
        names.add(_ABOUT)
    if not _is_its_own(answer):
        names.add(FOREIGN)
    return REFUSALS.failure(
        answer.status_code,
        f"Request Tracker answered {answer.status_code} when asked to {context.words}",
        context,
        names=names,
        delay=retry_after(answer),
        path="$.message",
    )


def _is_its_own(answer: httpx.Response) -> bool:
    """Whether it is Request Tracker that answers, and not a gateway before it."""
    try:
        ErrorAnswer.model_validate(orjson.loads(answer.content))
    except (orjson.JSONDecodeError, ValidationError):
        return False
    return True
