"""What travels with a failed activity, so that a saga never reads an error's text."""

from canonical_models.base import Canonical
from canonical_models.failures import FailureClass, Team


class FailureDetail(Canonical):
    """`code` groups equal causes; `subject` is the business object or payload path to mend."""

    failure_class: FailureClass
    code: str
    owner: Team
    system: str
    subject: str | None = None
