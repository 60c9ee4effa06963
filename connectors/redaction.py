"""What of an exchange may be kept: everything but texts, and those texts that say no more than what
kind of thing something is, which one, how much or when.

Texts are let through by the name of their member, from one closed list, and only where they look
like an id, a word, a number or a time. Every other text becomes `~` and a digest with a salt that
is nowhere but in the recording's own row: equal texts stay equal, and nobody can try names out.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

import httpx
import orjson

from connectors.secrecy import without_secrets

_DIGEST = re.compile(r"~[0-9a-f]{16}")
#: Ids, words, decimals and times; nothing with a blank or an `@`.
_PLAIN_TEXT = re.compile(r"[A-Za-z0-9_.:+\-/\[\]]{0,120}")
_NAME = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,80}")
#: Looks like an id, and opens something.
_SECRET = re.compile(r"(?:^|_)(?:sk|rk|pk|ek)_|whsec_|_secret_|^(?:Bearer|Basic|Session)\b|^tk_")

#: Members whose texts are ids, words of a vendor's lists, currencies, countries, amounts or times.
_PLAIN = frozenset(
    """
    id object status state currency type kind created number customer subscription invoice
    charge payment_intent payment_record product price test_clock country tax_type tax_behavior
    role billing_scheme usage_type unit_amount_decimal quantity_decimal tax_rate
    taxability_reason collection_method customer_account customer_tax_exempt tax_exempt
    invoice_item subscription_item credit_note refund refund_group customer_balance_transaction
    latest_invoice reporting_category failure_balance_transaction reconciliation_status behavior
    source param external_id field key metric stage breach_at priority operator request_format
    http_method created_at updated_at deleted_at after_cursor error method decimal __class__
    starting_after ending_before limit expand[] start_time page[size] page[after] include f s
    invoice_date posting_date document_id subscription_id customer_id item item_id plan_id
    legal_entity party erp_item feature source_id revision period on since as_of after only
    kept_on amount prorating ending tax_status closed_period items
    """.split()  # noqa: SIM905 - a list that people read
)
#: Below these a text is somebody's, whatever its own member is called, but for what stays plain.
_PERSONAL = frozenset(
    """
    address billing_details shipping customer_address customer_shipping tax_ids customer_tax_ids
    identifiers addresses contact_mechanisms metadata organization_fields custom_fields
    """.split()  # noqa: SIM905 - a list that people read
)
_PLAIN_BELOW = frozenset({"country", "type", "id", "object", "status"})
#: Codes of lists; elsewhere a code may be a tax id.
_CODED = frozenset({"currency", "country", "unit", "error"})
_OURS = "trueup"

#: Headers that tell how an answer is to be read.
_HEADERS = frozenset(
    """
    content-type retry-after request-id stripe-version stripe-should-retry idempotent-replayed
    deprecation sunset
    """.split()  # noqa: SIM905 - a list that people read
)


class Redaction:
    """The same `salt` gives the same digests."""

    def __init__(self, salt: str) -> None:
        self._salt = salt.encode()

    def digest(self, text: str) -> str:
        if _DIGEST.fullmatch(text):
            return text
        return "~" + hmac.new(self._salt, text.encode(), sha256).hexdigest()[:16]

    def body(self, value: Any, key: str = "", *, below: str = "", parent: str = "") -> Any:
        """JSON without what is personal or secret. `key` is the member that it stands in."""
        match value:
            case dict():
                inner = key if key in _PERSONAL else below
                return {
                    self._member(name): self.body(each, name.rstrip("."), below=inner, parent=key)
                    for name, each in value.items()
                }
            case list() | tuple():
                return [self.body(each, key, below=below, parent=parent) for each in value]
            case str():
                return value if self._is_plain(value, key, below, parent) else self.digest(value)
            case _:
                return value

    def _member(self, name: str) -> str:
        """Where names of members are what somebody has written, they are as personal as that."""
        plain = _NAME.fullmatch(name) is not None and not _opens(name)
        return name if plain else self.digest(name)

    def request(self, request: httpx.Request) -> dict[str, Any]:
        """Method, path, query and body, and no header."""
        return {
            "method": request.method,
            "path": request.url.path,
            "query": sorted(
                [name, self._in_query(name, value)]
                for name, value in parse_qsl(request.url.query.decode(), keep_blank_values=True)
            ),
            "body": self._sent(request),
        }

    def answer(self, answer: httpx.Response) -> dict[str, Any]:
        return {
            "status": answer.status_code,
            "headers": {
                name: value[:200]
                for name, value in answer.headers.items()
                if name in _HEADERS and not _opens(value)
            },
            "body": self._parsed(answer.content),
        }

    def _sent(self, request: httpx.Request) -> Any:
        if not request.content:
            return None
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            pairs = parse_qsl(request.content.decode(errors="replace"), keep_blank_values=True)
            return sorted([name, self._in_query(name, value)] for name, value in pairs)
        return self._parsed(request.content)

    def _parsed(self, content: bytes) -> Any:
        try:
            return self.body(orjson.loads(content))
        except orjson.JSONDecodeError:
            # A page of something in between: that it is none tells enough.
            return {"not_json": len(content)}

    def _in_query(self, name: str, value: str) -> Any:
        if name in {"d", "o"}:
            try:
                return self._domain(orjson.loads(base64.urlsafe_b64decode(value)))
            except (binascii.Error, orjson.JSONDecodeError):
                return self.digest(value)
        plain = self._is_plain(value, name.partition("[")[0], "", "") or (
            name in _PLAIN and self._is_plain(value, name, "", "")
        )
        return value if plain else self.digest(value)

    def _domain(self, clause: Any) -> Any:
        """A search of Tryton: member and operator stay, what is looked for goes by the member."""
        if not isinstance(clause, list):
            return clause
        if len(clause) >= 3 and all(isinstance(part, str) for part in clause[:2]):
            member = clause[0].rpartition(".")[2]
            parent = clause[0].rpartition(".")[0].rpartition(".")[2]
            return [*clause[:2], *(self.body(part, member, parent=parent) for part in clause[2:])]
        if len(clause) == 2 and all(isinstance(part, str) for part in clause):
            return clause
        return [self._domain(part) for part in clause]

    def _is_plain(self, text: str, key: str, below: str, parent: str) -> bool:
        if _DIGEST.fullmatch(text):
            return True
        if not _PLAIN_TEXT.fullmatch(text) or _opens(text):
            return False
        if below:
            return key in _PLAIN_BELOW or key.startswith(_OURS)
        if key == "tags":
            return text.startswith("sla_")
        if key == "code":
            return parent.rstrip(".") in _CODED
        return key in _PLAIN


def _opens(text: str) -> bool:
    """Whether it is a secret, or looks like one."""
    return _SECRET.search(text) is not None or without_secrets(text) != text


def options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Of a connection: without who it is that signs in."""
    names = {"login": "recorded", "email": "recorded@trueup.invalid", "client_id": "recorded"}
    return {name: names.get(name, value) for name, value in given.items()}
