"""Where a customer's balance is kept: by legal entity and currency, never across either. Pure."""

from collections import Counter
from collections.abc import Mapping

from canonical_models.documents import Settlement, SettlementKind
from canonical_models.failures import RejectionCode
from canonical_models.money import Money
from canonical_models.records import SettlementRecord
from planning.refusals import refused


class Balance:
    """What stands to the customer's credit in each legal entity, as far as it was entered."""

    def __init__(self, entered: Mapping[str, SettlementRecord]) -> None:
        self._kept: Counter[tuple[str, str]] = Counter()
        there = [found for found in entered.values() if found.entry_id is not None]
        self._known = frozenset(found.settlement.settlement_id for found in there)
        for found in there:
            if found.legal_entity is not None:
                self._add(found.settlement, found.legal_entity)

    def take(self, movement: Settlement, legal_entity: str) -> None:
        """Count a movement that is going to be entered. Raises Rejection (balance_crosses) where
        it uses what is kept elsewhere."""
        if movement.settlement_id in self._known:
            return
        place = (legal_entity, movement.amount.currency)
        uses = movement.kind is SettlementKind.BALANCE and movement.amount.minor > 0
        if uses and self._kept[place] < movement.amount.minor:
            elsewhere = [other for other, minor in sorted(self._kept.items()) if minor > 0]
            elsewhere = [other for other in elsewhere if other != place]
            if elsewhere:
                raise refused(
                    RejectionCode.BALANCE_CROSSES,
                    f"{movement.amount} of the customer's balance settle "
                    f"{movement.document_id} in {legal_entity}, where "
                    f"{self._amount(place)} are kept; there are "
                    + " and ".join(f"{self._amount(other)} in {other[0]}" for other in elsewhere)
                    + ": carry the balance over in the ERP",
                    movement.settlement_id,
                )
        self._add(movement, legal_entity)

    def _add(self, movement: Settlement, legal_entity: str) -> None:
        self._kept[legal_entity, movement.amount.currency] += movement.balance_minor

    def _amount(self, place: tuple[str, str]) -> Money:
        return Money(minor=self._kept[place], currency=place[1])
