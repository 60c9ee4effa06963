"""Logs: JSON to stderr for services, a readable console for people; nothing confidential in them.

Redaction looks at keys (`password`, `api_key`, `email` …) and at values that look like secrets
wherever they stand, since an error text of somebody else may quote a header or a DSN.
"""

import contextlib
import json
import logging
import math
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

REDACTED = "[redacted]"

_SECRET_KEY = re.compile(
    r"secret|passw(or)?d|token|authori[sz]ation|api_?key|private_?key|credential|cookie|signature"
    r"|\bdsn\b",
    re.IGNORECASE,
)
#: Fields that hold what belongs to a person.
_PERSONAL_KEYS = frozenset(
    {
        *("email", "phone", "mobile", "fax", "first_name", "last_name", "full_name"),
        *("customer_name", "party_name", "contact_name", "requester", "street", "postal_address"),
        *("postal_code", "date_of_birth", "iban", "vat", "vat_number", "tax_id"),
    }
)
_SECRET_VALUES = (
    re.compile(r"\b[sr]k_(?:test|live)_\w+"),
    re.compile(r"\bwhsec_[\w+/=-]+"),
    re.compile(r"\btu_[\w-]{20,}"),
    re.compile(r"(?<=\bBearer )[^\s\"']+", re.IGNORECASE),
    re.compile(r"(?<=\bBasic )[A-Za-z0-9+/=]{8,}"),
    # The credentials of an address: scheme://user:password@host
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),
    re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
)


def configure(service: str, *, console: bool | None = None, level: int = logging.INFO) -> None:
    """Set up structlog and the standard library's loggers for a process.

    `console` None: for people when stderr is a terminal, else one JSON object a line.
    """
    people = sys.stderr.isatty() if console is None else console
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    rendered: list[Processor] = (
        [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
        if people
        else [structlog.processors.EventRenamer("message"), _named(service), _json]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("httpx", "httpcore", "uvicorn.access", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


@contextlib.contextmanager
def lines_to(file: TextIO, service: str) -> Iterator[None]:
    """Meanwhile what is logged goes there, one JSON object a line as services write it: for a
    command, which has no log of its own."""
    before = structlog.get_config()
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            structlog.processors.EventRenamer("message"),
            _named(service),
            _json,
        ],
        logger_factory=lambda *named: _Line(file, str(named[0]) if named else service),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)


class _Line(structlog.WriteLogger):
    """Writes to a file, and knows what it is called."""

    def __init__(self, file: TextIO, name: str) -> None:
        super().__init__(file)
        self.name = name


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A processor; also usable on any mapping that goes into an error or an evidence record."""
    return {key: _clean(key, value) for key, value in event.items()}


def _clean(key: str, value: Any) -> Any:
    if _is_confidential(key) and value is not None:
        return REDACTED
    match value:
        case str():
            return scrub(value)
        case Mapping():
            return {str(inner): _clean(str(inner), entry) for inner, entry in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_clean("", entry) for entry in value]
        case float() if not math.isfinite(value):
            return str(value)
        case BaseException():
            return scrub(str(value))
        case _:
            return value


def _is_confidential(key: str) -> bool:
    return key.lower() in _PERSONAL_KEYS or _SECRET_KEY.search(key) is not None


def scrub(text: str) -> str:
    """The text without what looks like a secret or an e-mail address."""
    for pattern in _SECRET_VALUES:
        text = pattern.sub(REDACTED, text)
    return text


def _named(service: str) -> Processor:
    def name(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {"service": service, **event}

    return name


def _json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    # Anything may be logged, lone surrogates too: what JSON has no word for is written as its text.
    return json.dumps(event, default=str, separators=(",", ":"))
