"""Why a step failed, in a closed taxonomy. Adapters raise these and nothing else.

| class | what happens next |
|---|---|
| TransientFailure | retried by the engine; an exception where others have long had no such fault |
| UncertainWrite | the next attempt probes the vendor by our reference before it writes again |
| Rejection | an exception for the team that owns the cause; the saga waits |
| ContractDrift | tried again until the answer fits; one question of the connection for operations |
| CredentialsRefused | an exception for operations: nothing works until the secret is renewed |
| MayStillLand | tried again when it can be told whether it happened; nobody is asked |
| Overtaken | the run, or the attempt, ends without an effect: another one has taken its place |
"""

from enum import StrEnum

from canonical_models.approvals import ApprovalAsked


class Team(StrEnum):
    FINANCE = "finance"
    SUPPORT = "support"
    OPERATIONS = "operations"


class FailureClass(StrEnum):
    TRANSIENT = "transient"
    UNCERTAIN = "uncertain"
    REJECTED = "rejected"
    CONTRACT_DRIFT = "contract_drift"
    CREDENTIALS = "credentials"
    MAY_STILL_LAND = "may_still_land"
    OVERTAKEN = "overtaken"


class RejectionCode(StrEnum):
    """Every reason for which master data, policy or a vendor's rules refuse a step."""

    ACCOUNT_UNMAPPED = "account_unmapped"
    ACCOUNT_AMBIGUOUS = "account_ambiguous"
    TAX_ID_INVALID = "tax_id_invalid"
    ITEM_UNMAPPED = "item_unmapped"
    PARTY_UNKNOWN = "party_unknown"
    CUSTOMER_BLOCKED = "customer_blocked"
    LEGAL_ENTITY_UNKNOWN = "legal_entity_unknown"
    CURRENCY_MISMATCH = "currency_mismatch"
    PERIOD_CLOSED = "period_closed"
    ITEM_NOT_POSTABLE = "item_not_postable"
    TAX_MISMATCH = "tax_mismatch"
    TAX_UNDETERMINED = "tax_undetermined"
    DOCUMENT_REFUSED = "document_refused"
    DOCUMENT_CONFLICT = "document_conflict"
    PAYMENT_REFUSED = "payment_refused"
    PAYMENT_OVERDUE = "payment_overdue"
    APPROVAL_NEEDED = "approval_needed"
    TARGET_REFUSED = "target_refused"
    SUBSCRIPTION_UNKNOWN = "subscription_unknown"
    AMOUNT_OUT_OF_RANGE = "amount_out_of_range"
    #: Billing's own figures contradict each other.
    DOCUMENT_INCONSISTENT = "document_inconsistent"
    #: A final document is not what it was when it was posted.
    DOCUMENT_CHANGED = "document_changed"
    #: What was shown as not billed was posted by hand.
    UNBILLED_POSTED = "unbilled_posted"
    #: Billing calls settled what its movements do not explain.
    SETTLEMENT_UNEXPLAINED = "settlement_unexplained"
    #: A payout is not the sum of what billing says that it pays out.
    PAYOUT_UNPROVEN = "payout_unproven"
    #: A balance would be used in another legal entity or currency than it was kept in.
    BALANCE_CROSSES = "balance_crosses"
    #: A dispute or refund left a debt that no document shows.
    DEBT_REOPENED = "debt_reopened"
    #: Billing changed a customer that the policy does not let us change elsewhere.
    MASTER_DATA_CHANGED = "master_data_changed"
    #: Issued before the cutover, and not found in the ERP.
    BEFORE_CUTOVER = "before_cutover"
    ORGANIZATION_UNKNOWN = "organization_unknown"
    SUPPORT_REFUSED = "support_refused"
    BILLING_REFUSED = "billing_refused"
    OUTCOME_MISMATCH = "outcome_mismatch"
    #: The tenant is in shadow: nothing is written.
    SHADOWED = "shadowed"

    @property
    def owner(self) -> Team:
        match self:
            case self.ORGANIZATION_UNKNOWN | self.SUPPORT_REFUSED:
                return Team.SUPPORT
            case (
                self.SUBSCRIPTION_UNKNOWN
                | self.BILLING_REFUSED
                | self.DOCUMENT_CONFLICT
                | self.TARGET_REFUSED
                | self.SHADOWED
            ):
                return Team.OPERATIONS
            case _:
                return Team.FINANCE


class Failure(Exception):
    """Base of the taxonomy. `message` says what failed, for which object, and what to do next."""

    failure_class: FailureClass

    def __init__(self, message: str, *, system: str, payload_path: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.system = system
        self.payload_path = payload_path

    @property
    def code(self) -> str:
        """What groups equal causes: the rejection code, or the class itself."""
        return self.failure_class.value

    @property
    def owner(self) -> Team:
        return Team.OPERATIONS


class TransientFailure(Failure):
    """Nothing was changed and a later attempt may succeed. `retry_after` is in seconds."""

    failure_class = FailureClass.TRANSIENT

    def __init__(self, message: str, *, system: str, retry_after: float | None = None) -> None:
        super().__init__(message, system=system)
        self.retry_after = retry_after


class UncertainWrite(Failure):
    """The request went out and no answer came: it may or may not have happened."""

    failure_class = FailureClass.UNCERTAIN


class Rejection(Failure):
    """The other system, or our own policy, refuses; a person has to change something first.

    `subject` is the business object to mend, such as the unmapped item.
    """

    failure_class = FailureClass.REJECTED

    def __init__(
        self, reason: RejectionCode, message: str, *, system: str, subject: str | None = None
    ) -> None:
        super().__init__(message, system=system)
        self.reason = reason
        self.subject = subject

    @property
    def code(self) -> str:
        return self.reason.value

    @property
    def owner(self) -> Team:
        return self.reason.owner


class ApprovalNeeded(Rejection):
    """Policy lets it pass with the yes of those who are `asked`."""

    def __init__(self, message: str, *, system: str, subject: str, asked: ApprovalAsked) -> None:
        super().__init__(RejectionCode.APPROVAL_NEEDED, message, system=system, subject=subject)
        self.asked = asked


class ContractDrift(Failure):
    """The answer does not fit the vendor's contract: `operation` says which (`GET /v1/invoices/*`),
    `payload_path` where in it, and `change` what is otherwise, both as far as that is known.

    It is the connection's, not the object's: asked of people once (connectors/contracts.py), and
    tried again until the answer fits."""

    failure_class = FailureClass.CONTRACT_DRIFT

    def __init__(
        self,
        message: str,
        *,
        system: str,
        payload_path: str | None = None,
        operation: str | None = None,
        change: str | None = None,
    ) -> None:
        super().__init__(message, system=system, payload_path=payload_path)
        self.operation, self.change = operation, change


class CredentialsRefused(Failure):
    failure_class = FailureClass.CREDENTIALS


class MayStillLand(Failure):
    """A request of an earlier attempt may still be carried out by the vendor, so that nothing can
    be said about it yet. `retry_after` is in seconds: then it can."""

    failure_class = FailureClass.MAY_STILL_LAND

    def __init__(self, message: str, *, system: str, retry_after: float) -> None:
        super().__init__(message, system=system)
        self.retry_after = retry_after


class Overtaken(Failure):
    """Another run of the change, or another attempt at the same effect, has taken this one's place:
    it writes nothing more. Not retried, and nobody is asked."""

    failure_class = FailureClass.OVERTAKEN
