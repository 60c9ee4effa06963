"""What the numbers are called, and what each counts."""

from typing import NamedTuple

from operations.numbers import Number


class Called(NamedTuple):
    """`unit` is what is counted."""

    title: str
    means: str
    unit: str


_PEOPLE = "What waits for a person counts as not done."

NUMBERS = {
    Number.POSTING: Called(
        "From subscription to ERP",
        f"From the message to the document that was read back in the ERP. {_PEOPLE}",
        "documents",
    ),
    Number.ACTIVATION: Called(
        "Until it may be used",
        f"From the message to when every product has confirmed what may be used. {_PEOPLE}",
        "changes of access",
    ),
    Number.MAPPINGS: Called(
        "Customers without an ERP account",
        "Customers who were joined to the ERP. Kept are those for whom nobody was asked.",
        "customers",
    ),
    Number.INVOICES: Called(
        "Documents in step",
        "Final documents of billing of which the ERP says the same, save those held by a person.",
        "documents",
    ),
    Number.FRESHNESS: Called(
        "How fresh support is",
        f"From the message to when the support desk shows what follows from it. {_PEOPLE}",
        "changes of support",
    ),
    Number.REPLAYS: Called(
        "Messages read again",
        "Messages that were read. Kept are those that were read once.",
        "messages",
    ),
    Number.RESOLUTION: Called(
        "Until a case is answered",
        "From when a person is asked to the answer; without a target by their team's deadline.",
        "cases",
    ),
    Number.RENEWALS: Called(
        "Renewals",
        "From when billing renewed to when all systems agree.",
        "renewals",
    ),
}
