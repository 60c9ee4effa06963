"""What Stripe refuses of payouts."""

import pytest
import stripe


def test_more_than_there_is_is_not_paid_out(api: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.v1.payouts.create({"amount": 10**9, "currency": "eur"})
    assert refused.value.code == "balance_insufficient"
