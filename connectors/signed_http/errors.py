"""What each of a target's refusals means to us: see connectors/refusals.py.

The statuses are used as RFC 9110 has them.
"""

import re

import httpx
import orjson
from pydantic import ValidationError

from canonical_models.failures import Failure, RejectionCode
from connectors.http import retry_after
from connectors.refusals import FOREIGN, Meaning, Refusals, RequestContext, Rule
from connectors.signed_http import SYSTEM
from connectors.signed_http.wire import ErrorAnswer

_KEY = (
    "it does not accept the signature; see that the secret `signing_secret` of the connection "
    "{it.connection!r} is the target's, and that both clocks are right"
)
_REFUSED = "look for the reason in the target's own log, mend it there, then retry"

REFUSALS = Refusals(
    SYSTEM,
    (
        Rule(400, Meaning.REFUSED, code=RejectionCode.TARGET_REFUSED, advice=_REFUSED),
        Rule(401, Meaning.CREDENTIALS, advice=_KEY),
        Rule(403, Meaning.CREDENTIALS, advice=_KEY),
        Rule(422, Meaning.REFUSED, code=RejectionCode.TARGET_REFUSED, advice=_REFUSED),
    ),
    unforeseen="check that the connection's base address is where the target takes entitlements, "
    "then retry",
)


def failure(answer: httpx.Response, context: RequestContext) -> Failure:
    """The failure that an answer other than the expected ones stands for."""
    word = word_of(answer)
    # One word cannot tell a person's name or address as a sentence does.
    shown = f" {word}" if word is not None and re.fullmatch(r"[A-Za-z_]{1,64}", word) else ""
    said = (
        f"the target {context.connection!r} answered {answer.status_code}{shown} when asked to "
        f"{context.words} {context.subject}"
    )
    return REFUSALS.failure(
        answer.status_code,
        said,
        context,
        names=() if word is not None else (FOREIGN,),
        delay=retry_after(answer),
    )


def word_of(answer: httpx.Response) -> str | None:
    """The target's word for what is wrong; None where it is not the target that answers."""
    try:
        return ErrorAnswer.model_validate(orjson.loads(answer.content)).error
    except (orjson.JSONDecodeError, ValidationError):
        return None
