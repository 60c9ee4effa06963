"""Stripe's error envelope (https://docs.stripe.com/api/errors)."""

from typing import Any

Json = dict[str, Any]


class StripeError(Exception):
    """A refusal in Stripe's words.

    `keep` marks the refusals that happen after an effect which stays: a declined card leaves the
    invoice with one more attempt and an `invoice.payment_failed` event.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        keep: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
        self.keep = keep

    def body(self) -> Json:
        """The JSON body of the answer; absent members are left out, as Stripe does."""
        error: Json = {"message": self.message, "type": self.kind}
        if self.code is not None:
            error["code"] = self.code
        if self.param is not None:
            error["param"] = self.param
        return {"error": error}


def missing(kind: str, key: str, param: str | None) -> StripeError:
    """`resource_missing`: 404 when the id stood in the path (`param` None), 400 otherwise."""
    return StripeError(
        f"No such {kind}: '{key}'",
        status=404 if param is None else 400,
        code="resource_missing",
        param=param or "id",
    )


def declined() -> StripeError:
    """The card refusal that a customer set to fail through `/_sim` produces."""
    return StripeError(
        "Your card was declined.", status=402, kind="card_error", code="card_declined", keep=True
    )
