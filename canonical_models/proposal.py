"""A change of a subscription that somebody thinks of: as billing could be asked for it."""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from canonical_models.base import Canonical, Identifier, Instant


class Prorating(StrEnum):
    """What becomes of the rest of the period."""

    #: Billed at once, by an invoice of its own.
    AT_ONCE = "at_once"
    #: It waits for the next invoice.
    NEXT_INVOICE = "next_invoice"
    #: Neither charged nor credited.
    NONE = "none"


class Ending(StrEnum):
    NOW = "now"
    PERIOD_END = "period_end"
    #: An end that was decided is taken back.
    NEVER = "never"


class ProposedItem(Canonical):
    """`item_id` is the subscription's item that becomes another; without it one is added. What is
    not given stays as it is, of a new one the quantity is 1."""

    item_id: Identifier | None = None
    price: Identifier | None = None
    quantity: int | None = Field(default=None, ge=0, le=10**9)
    removed: bool = False

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if self.item_id is None and (self.price is None or self.removed):
            raise ValueError("name the item that becomes another, or the price of one to add")
        if self.removed == (self.price is not None or self.quantity is not None):
            raise ValueError("an item is removed, or gets another price or quantity")
        return self


class ProposedChange(Canonical):
    """`since` is the moment from which it is prorated; billing's present without it."""

    items: tuple[ProposedItem, ...] = Field(default=(), max_length=20)
    prorating: Prorating = Prorating.NEXT_INVOICE
    ending: Ending | None = None
    since: Instant | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.items and self.ending is None:
            raise ValueError("it changes nothing: give items, or an ending")
        named = [item.item_id for item in self.items if item.item_id is not None]
        if len(set(named)) != len(named):
            raise ValueError("each item is named once")
        return self
