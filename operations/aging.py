"""Answers of which an age is a part: it moves by itself, and is no change of what is told."""

from typing import Self

from canonical_models.base import Canonical


class Aging(Canonical):
    def unaged(self) -> Self:
        """The same without what time alone moves."""
        raise NotImplementedError
