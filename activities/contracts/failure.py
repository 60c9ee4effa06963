"""What travels with a failed activity, so that a saga never reads an error's text."""

from canonical_models.amendment import Refusal
from canonical_models.base import Canonical
from canonical_models.failures import FailureClass, RejectionCode, Team


class FailureDetail(Canonical):
    """`code` groups equal causes; `subject` is the business object or payload path to mend."""

    failure_class: FailureClass
    code: str
    owner: Team
    system: str
    subject: str | None = None


class Question(Canonical):
    """What a person is asked: why a step cannot be done, in words and as data."""

    message: str
    detail: FailureDetail

    def same_cause(self, other: "Question") -> bool:
        return (self.detail.code, self.detail.subject) == (other.detail.code, other.detail.subject)

    def is_about(self, code: RejectionCode) -> bool:
        return self.detail.code == code.value

    @classmethod
    def of(cls, refusal: Refusal) -> "Question":
        return cls(
            message=refusal.message,
            detail=FailureDetail(
                failure_class=FailureClass.REJECTED,
                code=refusal.code,
                owner=RejectionCode(refusal.code).owner,
                system=refusal.system,
                subject=refusal.subject,
            ),
        )
