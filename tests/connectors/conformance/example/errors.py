"""What each of Deskling's refusals means to us: see connectors/refusals.py."""

import httpx
import orjson
from pydantic import ValidationError

from canonical_models.failures import Failure, RejectionCode
from connectors.http import retry_after
from connectors.refusals import FOREIGN, Meaning, Refusals, RequestContext, Rule
from tests.connectors.conformance.example import SYSTEM
from tests.connectors.conformance.example.wire import ErrorAnswer

_KEY = (
    "renew the secret `api_key` of the connection {it.connection!r}, or give it the right to write"
)

REFUSALS = Refusals(
    SYSTEM,
    (
        Rule(401, Meaning.CREDENTIALS, advice=_KEY),
        Rule(403, Meaning.CREDENTIALS, advice=_KEY),
        Rule(
            404,
            Meaning.REFUSED,
            frozenset({"client_unknown"}),
            code=RejectionCode.ORGANIZATION_UNKNOWN,
            advice="somebody deleted the client; make it again with the reference "
            "{it.subject}, then retry",
        ),
        # Made by another request since it was looked for: the next look finds it.
        Rule(409, Meaning.LATER, frozenset({"reference_taken"})),
        Rule(
            422,
            Meaning.REFUSED,
            code=RejectionCode.SUPPORT_REFUSED,
            advice="open the client in Deskling, mend what its rules demand, then retry",
        ),
    ),
    unforeseen="compare Deskling's changelog, then retry",
)


def failure(answer: httpx.Response, context: RequestContext) -> Failure:
    """The failure that an answer other than the expected one stands for."""
    word = _word(answer)
    shown = f" {word}" if word and word.isidentifier() and len(word) <= 40 else ""
    return REFUSALS.failure(
        answer.status_code,
        f"Deskling answered {answer.status_code}{shown} when asked to {context.words}",
        context,
        names={FOREIGN if word is None else word},
        delay=retry_after(answer),
        path="$" if word is None else "$.error",
    )


def _word(answer: httpx.Response) -> str | None:
    """None where something before Deskling answered, such as a gateway."""
    try:
        return ErrorAnswer.model_validate(orjson.loads(answer.content)).error
    except (orjson.JSONDecodeError, ValidationError):
        return None
