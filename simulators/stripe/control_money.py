"""`/_sim/…` about money: how charges end, partial payments, disputes, the end of dunning."""

from starlette.requests import Request
from starlette.routing import Route

from simulators.stripe import disputes
from simulators.stripe.context import Context
from simulators.stripe.control import Operation, endpoint
from simulators.stripe.dunning import AFTER_RETRIES, DEFAULT_BILLING, SETTING
from simulators.stripe.errors import Json, StripeError
from simulators.stripe.invoices import pay_part
from simulators.stripe.pipeline import Simulator

# A customer with a payment method missing fails too; a trial may end differently for it.
_OUTCOMES = ("succeed", "fail", "missing")


def set_payment(sim: Simulator, request: Request, data: Json) -> Json:
    """How the customer's charges end from now on."""
    outcome = data.get("outcome")
    if outcome not in _OUTCOMES:
        raise StripeError(f"outcome is one of {', '.join(_OUTCOMES)}")
    customer = sim.store.need("customer", request.path_params["id"])
    customer["_payment"] = outcome
    sim.store.put(customer)
    return {"id": customer["id"], "outcome": outcome}


def partial_payment(sim: Simulator, request: Request, data: Json) -> Json:
    """The customer pays `amount` of an invoice; answers the invoice."""
    amount = _whole(data, "amount")
    if amount is None:
        raise StripeError("amount is a whole number of minor units")
    with sim.store.transaction():
        invoice = sim.store.need("invoice", request.path_params["id"])
        shown = pay_part(Context(sim.store), invoice, amount)
    sim.deliverer.wake()
    return shown


def open_dispute(sim: Simulator, request: Request, data: Json) -> Json:
    """The customer disputes a charge, by `amount` (default: all) and `reason`."""
    with sim.store.transaction():
        charge = sim.store.need("charge", request.path_params["id"])
        amount, reason = _whole(data, "amount"), data.get("reason")
        shown = disputes.open_dispute(Context(sim.store), charge, amount, reason)
    sim.deliverer.wake()
    return shown


def review_dispute(sim: Simulator, request: Request, _data: Json) -> Json:
    """Evidence was handed in."""
    with sim.store.transaction():
        dispute = sim.store.need("dispute", request.path_params["id"])
        shown = disputes.review(Context(sim.store), dispute)
    sim.deliverer.wake()
    return shown


def close_dispute(sim: Simulator, request: Request, data: Json) -> Json:
    """The bank decides."""
    status = data.get("status")
    if status not in disputes.OUTCOMES:
        raise StripeError("status is won or lost")
    with sim.store.transaction():
        dispute = sim.store.need("dispute", request.path_params["id"])
        shown = disputes.close(Context(sim.store), dispute, status)
    sim.deliverer.wake()
    return shown


def set_billing(sim: Simulator, _request: Request, data: Json) -> Json:
    """Change the given settings; answers all of them."""
    if unknown := set(data) - set(DEFAULT_BILLING):
        raise StripeError(f"unknown setting: {', '.join(sorted(unknown))}")
    if data.get("after_retries", "past_due") not in AFTER_RETRIES:
        raise StripeError(f"after_retries is one of {', '.join(AFTER_RETRIES)}")
    settings = sim.store.setting(SETTING, DEFAULT_BILLING) | data
    sim.store.put_setting(SETTING, settings)
    return settings


def show_billing(sim: Simulator, _request: Request, _data: Json) -> Json:
    """The settings in force."""
    return sim.store.setting(SETTING, DEFAULT_BILLING)


def _whole(data: Json, name: str) -> int | None:
    value = data.get(name)
    if value is not None and type(value) is not int:
        raise StripeError(f"{name} is a whole number of minor units")
    return value


def routes(sim: Simulator) -> list[Route]:
    """The control routes about money."""
    table: list[tuple[str, str, Operation]] = [
        ("POST", "/_sim/customers/{id}/payment", set_payment),
        ("POST", "/_sim/invoices/{id}/partial_payment", partial_payment),
        ("POST", "/_sim/charges/{id}/dispute", open_dispute),
        ("POST", "/_sim/disputes/{id}/review", review_dispute),
        ("POST", "/_sim/disputes/{id}/close", close_dispute),
        ("POST", "/_sim/settings", set_billing),
        ("GET", "/_sim/settings", show_billing),
    ]
    return [Route(path, endpoint(sim, act), methods=[method]) for method, path, act in table]
