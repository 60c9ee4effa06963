"""`/_sim/…` about the account's own balance: what Stripe keeps, pays out, and books by itself."""

from decimal import Decimal, InvalidOperation

from starlette.requests import Request
from starlette.routing import Route

from sandbox.simulators.stripe import payouts
from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.control import Operation, endpoint
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.money import currency_code
from sandbox.simulators.stripe.moves import DEFAULT_CASH, SETTING, cash, entered
from sandbox.simulators.stripe.pipeline import Simulator

_STATUSES = ("in_transit", "paid", "failed", "canceled")
_BOOKED = ("fee", "other_adjustment")


def set_cash(sim: Simulator, _request: Request, data: Json) -> Json:
    """Change the given settings; answers all of them."""
    if unknown := set(data) - set(DEFAULT_CASH):
        raise StripeError(f"unknown setting: {', '.join(sorted(unknown))}")
    settings = cash(Context(sim.store)) | data
    try:
        for number in (
            settings["fee_percent"],
            settings["fee_tax_percent"],
            *settings["rates"].values(),
        ):
            Decimal(number)
    except (InvalidOperation, TypeError, AttributeError):
        raise StripeError("percentages and rates are decimals as strings") from None
    if type(settings["fee_fixed"]) is not int:
        raise StripeError("fee_fixed is a whole number of minor units")
    sim.store.put_setting(SETTING, settings)
    return settings


def pay_out(sim: Simulator, _request: Request, data: Json) -> Json:
    """An automatic payout of all there is in `currency`; answers it."""
    currency = currency_code(str(data.get("currency")))
    with sim.store.transaction():
        made = payouts.take_all(
            Context(sim.store), currency, data.get("created"), data.get("arrival_date")
        )
    sim.deliverer.wake()
    return made


def move_on(sim: Simulator, request: Request, data: Json) -> Json:
    """How a payout goes on: `status`; answers it."""
    status = data.get("status")
    if status not in _STATUSES:
        raise StripeError(f"status is one of {', '.join(_STATUSES)}")
    with sim.store.transaction():
        payout = sim.store.need("payout", request.path_params["id"])
        shown = payouts.move_on(Context(sim.store), payout, status)
    sim.deliverer.wake()
    return shown


def enter(sim: Simulator, _request: Request, data: Json) -> Json:
    """What Stripe books on the balance by itself: a `fee` of the month, or another adjustment."""
    kind, amount = data.get("category"), data.get("amount")
    if kind not in _BOOKED or type(amount) is not int:
        raise StripeError(f"category is one of {', '.join(_BOOKED)}, amount in minor units")
    ctx = Context(sim.store)
    with sim.store.transaction():
        made = entered(
            ctx,
            amount,
            currency_code(str(data.get("currency"))),
            kind,
            source=None,
            at=ctx.now(),
        )
    return ctx.view(made)


def routes(sim: Simulator) -> list[Route]:
    """The control routes about the account's own balance."""
    table: list[tuple[str, str, Operation]] = [
        ("POST", "/_sim/cash", set_cash),
        ("POST", "/_sim/payouts", pay_out),
        ("POST", "/_sim/payouts/{id}", move_on),
        ("POST", "/_sim/balance", enter),
    ]
    return [Route(path, endpoint(sim, act), methods=[method]) for method, path, act in table]
