"""That Stripe's figures of a document agree with each other as we read them. Pure."""

from collections.abc import Sequence

from canonical_models.failures import Rejection, RejectionCode
from canonical_models.money import Money
from connectors.stripe import SYSTEM
from connectors.stripe.amounts import line_net
from connectors.stripe.lines import shipping_net
from connectors.stripe.wire_documents import CreditNote, FinalLine, Invoice


def prove_total(words: str, found: Invoice | CreditNote, lines: Sequence[FinalLine]) -> None:
    """The lines add up to Stripe's net and gross, and so to its tax, all in Stripe's integers.

    Raises Rejection (document_inconsistent); `words` name what was `found`.
    """
    shipped = found.shipping_cost
    net = sum(map(line_net, lines)) + (shipping_net(shipped) if shipped else 0)
    tax = sum(each.amount for line in lines for each in line.taxes or ())
    tax += shipped.amount_tax if shipped else 0
    for path, ours, theirs in (
        ("total_excluding_tax", net, found.total_excluding_tax),
        ("total", net + tax, found.total),
    ):
        if theirs is not None and ours != theirs:
            raise Rejection(
                RejectionCode.DOCUMENT_INCONSISTENT,
                f"The lines of {words} add up to {ours} where Stripe says {theirs} in $.{path} "
                f"(smallest units of {found.currency.upper()}): nothing is posted from it; compare "
                "it in Stripe, then link it to a document made by hand, or skip it",
                system=SYSTEM,
                subject=found.id,
            )


def prove_settled(words: str, document: str, says: Money, explained: Money) -> None:
    """What `document` leaves open after its movements is what Stripe says.

    Raises Rejection (settlement_unexplained) with both.
    """
    if says != explained:
        raise Rejection(
            RejectionCode.SETTLEMENT_UNEXPLAINED,
            f"Billing says that {says} of {words} remain, its movements explain {explained}: look "
            "at its payments, credit notes and customer balance in Stripe, and hold it until they "
            "agree",
            system=SYSTEM,
            subject=document,
        )
