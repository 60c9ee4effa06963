"""Currencies, and how Stripe writes money in line descriptions."""

from sandbox.simulators.stripe.errors import Json, StripeError

# https://docs.stripe.com/currencies#zero-decimal and #three-decimal
ZERO_DECIMAL = frozenset(
    {
        *("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga"),
        *("pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"),
    }
)
THREE_DECIMAL = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
# The currency of the account, in which a customer without one of its own keeps a balance.
ACCOUNT_CURRENCY = "eur"
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


# https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
_LEAST_CHARGE = {
    "aed": 200,
    "bgn": 100,
    "czk": 1500,
    "dkk": 250,
    "gbp": 30,
    "hkd": 400,
    "huf": 17_500,
    "jpy": 50,
    "mxn": 1000,
    "myr": 200,
    "nok": 300,
    "pln": 200,
    "ron": 200,
    "sek": 300,
    "krw": 100,
    "thb": 1000,
}


def least_charge(currency: str) -> int:
    """The smallest amount that is charged, in minor units: half a unit where nothing else holds."""
    return _LEAST_CHARGE.get(currency, 10 ** exponent(currency) // 2 or 1)
