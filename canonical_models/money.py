"""Money as integer minor units of an ISO 4217 currency; floats never take part."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Self

from pydantic import AfterValidator, Field

from canonical_models.base import Canonical
from canonical_models.currencies import MINOR_UNITS

#: Largest magnitude in minor units: fits a signed 64-bit column and any ledger we post to.
MAX_MINOR = 10**15


def _known(code: str) -> str:
    if code not in MINOR_UNITS:
        raise ValueError(f"{code!r} is not an ISO 4217 currency with a minor unit")
    return code


Currency = Annotated[str, AfterValidator(_known)]


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies met where only one currency can be meant."""

    def __init__(self, left: str, right: str) -> None:
        super().__init__(f"cannot combine {left} with {right}: convert or split by currency first")


class Money(Canonical):
    """An exact amount. `minor` counts the smallest unit: 1050 EUR is 10.50, 1050 JPY is 1050."""

    minor: int = Field(ge=-MAX_MINOR, le=MAX_MINOR)
    currency: Currency

    @classmethod
    def zero(cls, currency: str) -> Self:
        return cls(minor=0, currency=currency)

    @classmethod
    def of(cls, amount: Decimal | str | int, currency: str) -> Self:
        """From major units. Raises ValueError if the amount is finer than the minor unit."""
        exact = Decimal(amount)
        if not exact.is_finite():
            raise ValueError(f"{amount} is not an amount of money")
        scaled = exact.scaleb(MINOR_UNITS[_known(currency)])
        if scaled != scaled.to_integral_value():
            raise ValueError(f"{amount} {currency} is finer than the currency's minor unit")
        return cls(minor=int(scaled), currency=currency)

    @classmethod
    def total(cls, amounts: Iterable["Money"], currency: str) -> "Money":
        """Sum in `currency`; an empty sum is zero. Raises CurrencyMismatch."""
        return sum(amounts, start=Money.zero(currency))

    @property
    def decimal(self) -> Decimal:
        """The amount in major units with exactly the currency's digits."""
        return Decimal(self.minor).scaleb(-MINOR_UNITS[self.currency])

    def __add__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(minor=self.minor + other.minor, currency=self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return self + -other

    def __neg__(self) -> "Money":
        return Money(minor=-self.minor, currency=self.currency)

    def __abs__(self) -> "Money":
        return Money(minor=abs(self.minor), currency=self.currency)

    def __lt__(self, other: "Money") -> bool:
        self._same(other)
        return self.minor < other.minor

    def __le__(self, other: "Money") -> bool:
        return not other < self

    def __bool__(self) -> bool:
        return self.minor != 0

    def scaled(self, numerator: int, denominator: int) -> "Money":
        """`self x numerator / denominator`, rounded half away from zero to the minor unit."""
        exact = Decimal(self.minor) * numerator / denominator
        return Money(minor=int(exact.to_integral_value(ROUND_HALF_UP)), currency=self.currency)

    def __str__(self) -> str:
        return f"{self.decimal:,f} {self.currency}"

    def _same(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(self.currency, other.currency)
