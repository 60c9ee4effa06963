"""How Stripe writes money in line descriptions."""

from simulators.stripe.errors import Json, StripeError

# https://docs.stripe.com/currencies#zero-decimal and #three-decimal
ZERO_DECIMAL = frozenset(
    {
        *("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga"),
        *("pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"),
    }
)
THREE_DECIMAL = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
_SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}


def exponent(currency: str) -> int:
    """Decimals of the minor unit: 0, 2 or 3."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def currency_code(text: str, param: str = "currency") -> str:
    """The lower-case three-letter code. Raises `StripeError` for anything else."""
    code = text.lower()
    if len(code) != 3 or not code.isalpha() or not code.isascii():
        raise StripeError(f"Invalid currency: {text[:10]}", param=param)
    return code


def money_text(amount: int, currency: str) -> str:
    """`€10.00`, `¥500`, `KWD 1.250`."""
    places = exponent(currency)
    whole, part = divmod(abs(amount), 10**places)
    digits = f"{whole:,}" + (f".{part:0{places}d}" if places else "")
    sign = "-" if amount < 0 else ""
    symbol = _SYMBOLS.get(currency)
    return f"{sign}{symbol}{digits}" if symbol else f"{sign}{currency.upper()} {digits}"


def interval_text(recurring: Json) -> str:
    """`month`, or `every 3 months`."""
    count = recurring["interval_count"]
    return recurring["interval"] if count == 1 else f"every {count} {recurring['interval']}s"
