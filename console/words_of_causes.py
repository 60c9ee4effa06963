"""What each cause is called, what it means and what mends it. Every code has an entry: a test looks
at `canonical_models.mends.MENDS`."""

from typing import NamedTuple

from canonical_models.exceptions import CONTRACT_CHANGED, SAGA_LOST, VENDOR_AWAY
from canonical_models.failures import FailureClass, RejectionCode
from canonical_models.mends import TIMED_OUT, UNEXPECTED


class Cause(NamedTuple):
    """`{what}` of the title is the item, customer or document that it is about."""

    title: str
    means: str
    mends: str


_C, _F = RejectionCode, FailureClass
_AGAIN = "Mend it there, then check again here."

CAUSES: dict[str, Cause] = {
    _C.ACCOUNT_UNMAPPED: Cause(
        "Customer {what} has no ERP account",
        "Nobody has said which account of the ERP this customer of billing is.",
        "Name the ERP account, the support organisation and the legal entity.",
    ),
    _C.ACCOUNT_AMBIGUOUS: Cause(
        "Customer {what} may have an ERP account",
        "Accounts of the ERP look like this customer, and none of them is it for certain.",
        "Choose the one that it is.",
    ),
    _C.TAX_ID_INVALID: Cause(
        "The tax id of customer {what} is not valid",
        "The ERP does not take the tax id that billing has.",
        f"Correct the tax id in billing. {_AGAIN}",
    ),
    _C.ITEM_UNMAPPED: Cause(
        "Item {what} has no ERP article",
        "It was sold in billing, and nobody has said which article of the ERP it is.",
        "Name the article, and what may be used with it.",
    ),
    _C.PARTY_UNKNOWN: Cause(
        "The ERP has no account {what}",
        "It is named here, and the ERP does not have it.",
        f"Make the account in the ERP, or name another one. {_AGAIN}",
    ),
    _C.CUSTOMER_BLOCKED: Cause(
        "ERP account {what} is blocked",
        "The ERP books nothing on an account that is not active.",
        f"Activate it in the ERP, or name another one. {_AGAIN}",
    ),
    _C.LEGAL_ENTITY_UNKNOWN: Cause(
        "Legal entity {what} is not in the ERP",
        "It is not known in whose books this belongs.",
        "Name the legal entity.",
    ),
    _C.CURRENCY_MISMATCH: Cause(
        "Currencies do not fit: {what}",
        "The account or the books are kept in another currency than the document.",
        f"Set the currency up in the ERP, or name another account. {_AGAIN}",
    ),
    _C.PERIOD_CLOSED: Cause(
        "Period is closed: {what}",
        "The document's day lies in a period of the ERP that is closed.",
        "Open the period in the ERP and check again, or give another day.",
    ),
    _C.ITEM_NOT_POSTABLE: Cause(
        "Article {what} cannot be booked",
        "The ERP has the article, and it cannot be sold, or has no account.",
        f"Set it up in the ERP, or name another article. {_AGAIN}",
    ),
    _C.TAX_MISMATCH: Cause(
        "The ERP computes another tax: {what}",
        "Billing's tax and what the ERP makes of it are not the same.",
        "Give the tax code that fits.",
    ),
    _C.TAX_UNDETERMINED: Cause(
        "No tax code fits: {what}",
        "It cannot be told which tax code of the ERP billing's tax is.",
        "Give the tax code that fits.",
    ),
    _C.DOCUMENT_REFUSED: Cause(
        "The ERP refuses document {what}",
        "The ERP has said no to it, with the reason below.",
        f"Mend what it names in the ERP. {_AGAIN}",
    ),
    _C.DOCUMENT_CONFLICT: Cause(
        "Document {what} may be in the ERP already",
        "The ERP has a document that could be this one, made by hand or by another program.",
        "Say which one it is, or remove that one in the ERP.",
    ),
    _C.PAYMENT_REFUSED: Cause(
        "The ERP refuses payment {what}",
        "The ERP has said no to it, with the reason below.",
        f"Mend what it names in the ERP. {_AGAIN}",
    ),
    _C.PAYMENT_OVERDUE: Cause(
        "Invoice {what} is not paid",
        "Reminders and grace are over, and nobody has paid.",
        "Give more time, credit it, or write it off.",
    ),
    _C.APPROVAL_NEEDED: Cause(
        "{what} needs approval",
        "The company's policy does not let it be booked without a yes.",
        "Look at the document, then approve it or have it undone.",
    ),
    _C.TARGET_REFUSED: Cause(
        "A product refuses access of {what}",
        "The product that is told what may be used has said no.",
        f"Mend it in the product. {_AGAIN}",
    ),
    _C.SUBSCRIPTION_UNKNOWN: Cause(
        "Billing does not have subscription {what}",
        "It was told of, and billing has no such subscription any more.",
        "Look it up in billing, then check again here.",
    ),
    _C.AMOUNT_OUT_OF_RANGE: Cause(
        "An amount is too large: {what}",
        "It is larger than any that can be booked.",
        "Look it up in billing, then check again here.",
    ),
    _C.DOCUMENT_INCONSISTENT: Cause(
        "Document {what} does not add up",
        "Its lines, taxes and totals in billing do not sum to each other.",
        "Correct it in billing, then check again here.",
    ),
    _C.DOCUMENT_CHANGED: Cause(
        "Document {what} has changed since it was booked",
        "A final document says something else in billing than what stands in the ERP.",
        "Settle which of them is right, here or in billing.",
    ),
    _C.UNBILLED_POSTED: Cause(
        "What is not billed yet was booked: {what}",
        "The draft in the ERP was posted by hand.",
        "Take it back in the ERP, then check again here.",
    ),
    _C.SETTLEMENT_UNEXPLAINED: Cause(
        "What settles {what} is not explained",
        "Billing shows it as settled, and does not say by what.",
        "Look it up in billing, then check again here.",
    ),
    _C.PAYOUT_UNPROVEN: Cause(
        "Payout {what} does not add up",
        "What it pays out does not sum to it.",
        "Look it up in billing, then check again here.",
    ),
    _C.BALANCE_CROSSES: Cause(
        "The balance of {what} crosses legal entities",
        "Money of one legal entity would settle a document of another.",
        f"Move the balance in the ERP, or name another account. {_AGAIN}",
    ),
    _C.DEBT_REOPENED: Cause(
        "Money of {what} went back",
        "A refund or dispute has left a debt that no document shows.",
        "Issue a credit note in billing, or collect it.",
    ),
    _C.MASTER_DATA_CHANGED: Cause(
        "Billing has other data of {what}",
        "Name, address or tax id are not what the ERP has.",
        "Carry them on, or correct them in billing.",
    ),
    _C.BEFORE_CUTOVER: Cause(
        "Document {what} is of the process before",
        "It was issued before Trueup books, and something now refers to it.",
        "Say which document of the ERP it is.",
    ),
    _C.ORGANIZATION_UNKNOWN: Cause(
        "The support desk has no organisation {what}",
        "It is named here, and the desk does not have it.",
        "Name the organisation, or make it there and check again.",
    ),
    _C.SUPPORT_REFUSED: Cause(
        "The support desk refuses: {what}",
        "It has said no, with the reason below.",
        f"Mend it at the desk. {_AGAIN}",
    ),
    _C.BILLING_REFUSED: Cause(
        "Billing refuses: {what}",
        "It has said no, with the reason below.",
        "Look it up in billing, then check again here.",
    ),
    _C.OUTCOME_MISMATCH: Cause(
        "What was read back is not what was meant: {what}",
        "After it was done, a system says something else than what was agreed.",
        "See what was done there by hand, then check again here.",
    ),
    _C.SHADOWED: Cause(
        "Nothing is written: {what}",
        "The company is in shadow: what would be done is planned and compared, and no system is "
        "written.",
        "Go live first, or give it up.",
    ),
    _F.TRANSIENT: Cause(
        "A system does not take {what} for now",
        "It was tried for a while, and was not taken.",
        "Find out what is wrong there, then check again here.",
    ),
    _F.UNCERTAIN: Cause(
        "It is not known whether {what} arrived",
        "There was no answer, and it cannot be looked up.",
        "Look there, then check again here.",
    ),
    _F.REJECTED: Cause(
        "{what} was refused",
        "A system has said no, with the reason below.",
        f"Mend it there. {_AGAIN}",
    ),
    _F.CONTRACT_DRIFT: Cause(
        "A system answered in a form we do not know: {what}",
        "Its answer is not what its own description says.",
        "Tell Trueup's support what stands below. Nothing was done with the answer.",
    ),
    _F.CREDENTIALS: Cause(
        "A system refuses our key: {what}",
        "The key has ended, was taken back, or may not do this.",
        "Give a new key in the settings, then check again here.",
    ),
    UNEXPECTED: Cause(
        "Something went wrong that nobody foresaw: {what}",
        "A step has failed in a way that is not known.",
        "Tell Trueup's support what stands below, then check again here.",
    ),
    TIMED_OUT: Cause(
        "{what} took too long",
        "A step was not done in time.",
        "Find out what is slow, then check again here.",
    ),
    SAGA_LOST: Cause(
        "A change was stopped from outside several times: {what}",
        "It was taken up again each time, and ended again before it was done.",
        "Find out who or what ends it, then check again here.",
    ),
    VENDOR_AWAY: Cause(
        "{what} does not answer",
        "What needs it waits, and nothing is lost.",
        "It goes on by itself. Find out why it is away.",
    ),
    CONTRACT_CHANGED: Cause(
        "{what} answers otherwise than it did",
        "What needs its answers waits, and nothing is lost.",
        "It goes on by itself when the answers fit again. Compare the vendor's changelog with what "
        "stands below.",
    ),
}
