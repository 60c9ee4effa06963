# SPDX-License-Identifier: GPL-3.0-or-later
"""What another system calls a party, a move or an invoice, unique where the record lives."""

from typing import Any

from trytond.model import Unique, fields
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Eval
from trytond.transaction import Transaction


def _only_once(model: Any, field: str, *within: str) -> None:
    """Let the database refuse a second record with the value of ``field``."""
    table = model.__table__()
    columns = [getattr(table, name) for name in (*within, field)]
    model._sql_constraints.append(
        (f"{field}_unique", Unique(table, *columns), f"trueup.msg_{field}_unique")
    )


class _External:
    __slots__ = ()

    external_id = fields.Char("External ID", help="The id that another system knows the record by.")
    _external = ("external_id",)

    @classmethod
    def preprocess_values(cls, mode: str, values: dict[str, Any]) -> dict[str, Any]:
        values = super().preprocess_values(mode, values)
        for name in cls._external:
            # An empty text is a value to a unique constraint, null is none.
            if name in values:
                values[name] = (values[name] or "").strip() or None
        return values

    @classmethod
    def copy(cls, records: list[Any], default: dict[str, Any] | None = None) -> list[Any]:
        return super().copy(records, {**dict.fromkeys(cls._external), **(default or {})})


class Party(_External, metaclass=PoolMeta):
    __name__ = "party.party"

    @classmethod
    def __setup__(cls) -> None:
        super().__setup__()
        _only_once(cls, "external_id")


class Move(_External, metaclass=PoolMeta):
    __name__ = "account.move"

    @classmethod
    def __setup__(cls) -> None:
        super().__setup__()
        cls.external_id.states = {"readonly": Eval("state") == "posted"}
        _only_once(cls, "external_id", "company")


class Invoice(_External, metaclass=PoolMeta):
    __name__ = "account.invoice"

    external_number = fields.Char(
        "External Number",
        states={"readonly": Eval("state") != "draft"},
        help="Becomes the number when the invoice is posted, instead of the sequence's next.",
    )
    _external = ("external_id", "external_number")

    @classmethod
    def __setup__(cls) -> None:
        super().__setup__()
        cls.external_id.states = {"readonly": Eval("state") != "draft"}
        _only_once(cls, "external_id", "company")
        _only_once(cls, "external_number", "company", "type")

    @classmethod
    def set_number(cls, invoices: list[Any]) -> None:
        for invoice in invoices:
            if invoice.external_number and not invoice.number:
                if invoice.type == "out" and not invoice.invoice_date:
                    with Transaction().set_context(company=invoice.company.id):
                        invoice.invoice_date = Pool().get("ir.date").today()
                invoice.sequence_type_cache = invoice._sequence_type
                invoice.number = invoice.external_number
        # Draws numbers for those that have none, and asks for the order of their dates alone.
        super().set_number(invoices)
