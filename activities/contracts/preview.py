"""What the workflow of a what-if may ask for."""

from abc import ABC, abstractmethod

from temporalio import activity

from canonical_models.base import Canonical, Identifier
from canonical_models.preview import Foreseen, Overlay
from canonical_models.proposal import ProposedChange


class WhatIf(Canonical):
    """Of an open exception, or of a subject of which something is read again that names these
    documents, or all since the cutover where it is `whole`, or of which billing is asked for the
    proposed change."""

    tenant: str
    exception_id: Identifier | None = None
    subject: Identifier | None = None
    documents: tuple[Identifier, ...] = ()
    overlay: Overlay = Overlay()
    proposed: ProposedChange | None = None
    whole: bool = False


class PreviewActivities(ABC):
    @abstractmethod
    @activity.defn(name="preview.foresee")
    async def foresee(self, given: WhatIf) -> Foreseen:
        """What it would come to. Nothing is written anywhere."""
