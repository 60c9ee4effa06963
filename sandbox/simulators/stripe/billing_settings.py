"""Settings of the account that tests choose; kept over restarts."""

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.errors import Json

SETTING = "billing"
AFTER_RETRIES = ("past_due", "unpaid", "canceled")
# At Stripe the least charge is always in force; here only where it is asked for.
DEFAULT_BILLING: Json = {"after_retries": "past_due", "least_charge": False}


def billing(ctx: Context) -> Json:
    """All settings in force."""
    return DEFAULT_BILLING | ctx.store.setting(SETTING, {})
