"""What Tryton's refusals mean: see connectors/refusals.py.

Sources: trytond.protocols.dispatcher (REST statuses) and trytond.exceptions (JSON-RPC kinds), 8.2.
Texts are shown to people and never matched: Tryton translates them.
"""

from collections.abc import Sequence
from typing import Any

import httpx
import orjson

from canonical_models.failures import ContractDrift, Failure, Rejection, RejectionCode
from connectors.http import retry_after
from connectors.refusals import FOREIGN, Meaning, Refusals, RequestContext, Rule
from connectors.secrecy import without_secrets

SYSTEM = "erp"


class Warned(Rejection):
    """Tryton asks whether it is meant. `key` is what it is told with the answer; its name is the
    same for all records, such as `invoice_payment_term`."""

    def __init__(
        self, key: str, reason: RejectionCode, message: str, *, subject: str | None
    ) -> None:
        super().__init__(reason, message, system=SYSTEM, subject=subject)
        self.key = key

    @property
    def name(self) -> str:
        return self.key.partition(".")[2]


_MEND = "mend it in the ERP, then retry"
_KEY = "renew the connection's key and password, and check the user's groups"

REFUSALS = Refusals(
    SYSTEM,
    (
        Rule(400, Meaning.REFUSED, advice=_MEND),
        Rule(401, Meaning.CREDENTIALS, advice=_KEY),
        Rule(403, Meaning.CREDENTIALS, advice=_KEY),
        Rule(
            404,
            Meaning.REFUSED,
            code=RejectionCode.DOCUMENT_CONFLICT,
            advice="it is not there any more, somebody deleted it; look in the ERP's own log",
        ),
        # Somebody else has changed the record, or is about to.
        Rule(409, Meaning.LATER),
        Rule(423, Meaning.LATER),
        Rule(422, Meaning.REFUSED, advice=_MEND),
    ),
    unforeseen="compare the ERP's version with what Trueup needs, then retry",
)

#: JSON-RPC answers 200, and names the kind of the error. What was raised was rolled back.
_OK = 200
#: What the ERP raises where it holds somebody back has no arguments, and its name goes with them.
_UNNAMED = ""
#: Any other exception comes as its text and its traceback, such as a lock of the database that was
#: not had after some tries. It may have been raised while it committed.
_INTERNAL = "internal"
_NAMED = (
    "UserError",
    "UserWarning",
    "LoginException",
    "RateLimitException",
    "ConcurrencyException",
)
_RPC = Refusals(
    SYSTEM,
    (
        Rule(_OK, Meaning.REFUSED, frozenset({"UserError"}), advice=_MEND),
        Rule(_OK, Meaning.REFUSED, frozenset({"UserWarning"}), advice=_MEND),
        Rule(
            _OK,
            Meaning.CREDENTIALS,
            frozenset({"LoginException"}),
            advice="renew the connection's password",
        ),
        *(
            Rule(_OK, Meaning.LATER, frozenset({kind}))
            for kind in (
                "RateLimitException",
                "ConcurrencyException",
                "TimeOutException",
                _UNNAMED,
            )
        ),
        Rule(_OK, Meaning.BROKE, frozenset({_INTERNAL})),
    ),
    unforeseen="look for it in the ERP's own log, then retry",
)


def refusal(
    answer: httpx.Response,
    what: str,
    *,
    writes: bool,
    refused: RejectionCode = RejectionCode.DOCUMENT_REFUSED,
) -> Failure:
    """The failure that a status other than 2xx stands for; `what` names the business object.

    `refused` is the rejection where the ERP's own rules say no.
    """
    status = answer.status_code
    return REFUSALS.failure(
        status,
        _said(what, status, _told(answer)),
        RequestContext(what, SYSTEM, what, writes=writes, refused=refused),
        names=() if status != httpx.codes.NOT_FOUND or is_gone(answer) else (FOREIGN,),
        delay=retry_after(answer),
        path="$status",
    )


def too_old(lacks: str, operation: str) -> ContractDrift:
    """Nothing answers there: it is an older server, or another database."""
    return ContractDrift(
        f"the ERP has no {lacks} at this address: Tryton 8.0 or later is needed, with the "
        "connection's database and its modules",
        system=SYSTEM,
        payload_path="$status",
        operation=operation,
        change=f"has no {lacks}: Tryton 8.0 or later is needed, with the connection's database",
    )


def is_gone(answer: httpx.Response) -> bool:
    """Whether Tryton itself says that there is no such record. It has no words of its own for it,
    but those of its web framework, which are not translated."""
    return answer.status_code == httpx.codes.NOT_FOUND and (
        "The requested URL was not found on the server." in answer.text
    )


def rpc_refusal(
    kind: str,
    details: Sequence[Any],
    what: str,
    *,
    writes: bool = True,
    internal: bool = False,
    refused: RejectionCode = RejectionCode.DOCUMENT_REFUSED,
) -> Failure:
    """The failure that the `error` member of a JSON-RPC answer stands for.

    `details` is what comes with the kind: of a UserError message, description and domain, of a
    UserWarning key, message and description. `internal` is whether a traceback came with it, which
    is nobody's to read.
    """
    warned = kind == "UserWarning" and len(details) > 1
    words = ""
    if kind.startswith("User"):
        words = _words(details[1:3] if warned else details[:2])
    # Of an exception that has no name of its own the text may hold anything.
    sign = kind if kind in _NAMED else "an error of its own"
    said = _said(what, sign, words)
    if warned:
        return Warned(str(details[0]), refused, f"{said}: {_MEND}", subject=what)
    context = RequestContext(what, SYSTEM, what, writes=writes, refused=refused)
    names = {kind, _INTERNAL} if internal else {kind}
    return _RPC.failure(_OK, said, context, names=names, path="$.error[0]")


def _said(what: str, sign: int | str, words: str) -> str:
    """With the ERP's own words where it has some: it says no by its rules then."""
    return f"the ERP refuses {what} ({words})" if words else f"the ERP answered {sign} for {what}"


def _told(answer: httpx.Response) -> str:
    """The ERP's own words for people, bounded."""
    try:
        body = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return ""
    return _words([body.get("message"), body.get("description")]) if isinstance(body, dict) else ""


def _words(parts: Sequence[Any]) -> str:
    return without_secrets(" ".join(str(part) for part in parts if part))[:500]
