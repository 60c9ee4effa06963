"""What Tryton's refusals mean. Closed tables: what is not in them is contract drift, never a retry.

Sources: trytond.protocols.dispatcher (REST statuses) and trytond.exceptions (JSON-RPC kinds), 8.2.
Texts are shown to people and never matched: Tryton translates them.
"""

from collections.abc import Sequence
from typing import Any

import httpx
import orjson

from canonical_models.failures import (
    ContractDrift,
    CredentialsRefused,
    Failure,
    Rejection,
    RejectionCode,
    TransientFailure,
    UncertainWrite,
)
from connectors.http import retry_after

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


_SERVER_FAULTS = frozenset({500, 502, 504})


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
    match status:
        case 400 | 422:
            return Rejection(
                refused,
                f"the ERP refuses {what}: {told(answer)} - mend it in the ERP and retry",
                system=SYSTEM,
                subject=what,
            )
        case 401 | 403:
            return CredentialsRefused(
                f"the ERP refuses our credentials for {what} (status {status}): renew the "
                "connection's key and password, and check the user's groups",
                system=SYSTEM,
            )
        case 404:
            return Rejection(
                RejectionCode.DOCUMENT_CONFLICT,
                f"the ERP no longer has {what}: somebody deleted it; look in the ERP's own log",
                system=SYSTEM,
                subject=what,
            )
        case 409 | 429 | 503:
            return TransientFailure(
                f"the ERP is busy (status {status}) with {what}: it is tried again",
                system=SYSTEM,
                retry_after=retry_after(answer),
            )
        case _ if status in _SERVER_FAULTS and writes:
            return UncertainWrite(
                f"the ERP failed (status {status}) while it wrote {what}: it is looked up before "
                "the next try",
                system=SYSTEM,
            )
        case _ if status in _SERVER_FAULTS:
            return TransientFailure(
                f"the ERP failed (status {status}) to read {what}: it is tried again",
                system=SYSTEM,
            )
        case _:
            return ContractDrift(
                f"the ERP answered {what} with status {status}, which its interface does not have",
                system=SYSTEM,
                payload_path="$status",
            )


def rpc_refusal(
    kind: str,
    details: Sequence[Any],
    what: str,
    *,
    refused: RejectionCode = RejectionCode.DOCUMENT_REFUSED,
) -> Failure:
    """The failure that the `error` member of a JSON-RPC answer stands for.

    `details` is what comes with the kind: of a UserError message, description and domain, of a
    UserWarning key, message and description.
    """
    match kind:
        case "UserWarning" if len(details) > 1:
            return Warned(
                str(details[0]),
                refused,
                f"the ERP warns of {what}: {_words(details[1:3])} - mend it in the ERP and retry",
                subject=what,
            )
        case "UserError" | "UserWarning":
            return Rejection(
                refused,
                f"the ERP refuses {what}: {_words(details[:2])} - mend it in the ERP and retry",
                system=SYSTEM,
                subject=what,
            )
        case "LoginException" | "RateLimitException":
            return CredentialsRefused(
                f"the ERP refuses our session for {what} ({kind}): renew the connection's password",
                system=SYSTEM,
            )
        case "ConcurrencyException" | "TimeoutException":
            return TransientFailure(
                f"the ERP is busy with {what} ({kind}): it is tried again", system=SYSTEM
            )
        case _:
            return ContractDrift(
                f"the ERP answered {what} with an unknown kind of error, {kind[:80]}",
                system=SYSTEM,
                payload_path="$.error[0]",
            )


def told(answer: httpx.Response) -> str:
    """The ERP's own words for people, bounded."""
    try:
        body = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return f"status {answer.status_code}"
    said = _words([body.get("message"), body.get("description")])
    return said or f"status {answer.status_code}"


def _words(parts: Sequence[Any]) -> str:
    return " ".join(str(part) for part in parts if part)[:500]
