"""What Tryton has of a kind, by a part of its code or name: for people who choose one."""

from collections.abc import Sequence
from typing import Any

from canonical_models.looked_up import LookedUp
from canonical_models.mends import LookUp
from connectors.tryton.client import Row, TrytonClient
from connectors.tryton.held import INVOICE
from connectors.tryton.masterdata import MasterData
from connectors.tryton.party_book import EVERY, PARTY
from connectors.tryton.references import literal

_INACTIVE = "it is deactivated"


class LookingUp:
    def __init__(self, client: TrytonClient, master: MasterData) -> None:
        self._client, self._master = client, master

    async def find(
        self, kind: LookUp, text: str, *, legal_entity: str | None, limit: int
    ) -> tuple[LookedUp, ...]:
        """Those that are blocked last. None for kinds that are no concern of the ERP."""
        names: tuple[str, ...]
        fields: tuple[str, ...]
        company = None if legal_entity is None else (await self._master.company(legal_entity)).id
        match kind:
            case LookUp.PARTY:
                names = ("code", "name")
                fields = ("code", "name", "active")
                rows = await self._rows(PARTY, text, names, fields, None, limit)
                found = [_named(row["code"], row["name"], _inactive(row)) for row in rows]
            case LookUp.ERP_ITEM:
                # By a field of another record Tryton finds none that are deactivated, whatever else
                # is asked for.
                names = ("code", "rec_name")
                fields = ("code", "template.name", "active", "account_category")
                rows = await self._rows("product.product", text, names, fields, company, limit)
                found = [
                    _named(row["code"], row["template"]["name"], _not_sold(row))
                    for row in rows
                    if row["code"]
                ]
            case LookUp.LEGAL_ENTITY:
                names = fields = ("party.code", "party.name")
                rows = await self._rows("company.company", text, names, fields, None, limit, ())
                found = [_named(row["party"]["code"], row["party"]["name"], None) for row in rows]
            case LookUp.TAX_CODE:
                names, fields = ("name", "description"), ("name", "description", "type", "active")
                rows = await self._rows("account.tax", text, names, fields, company, limit)
                found = [_named(row["name"], row["description"], _no_code(row)) for row in rows]
            case LookUp.ERP_DOCUMENT:
                names, fields = ("number", "reference"), ("number", "reference", "state")
                rows = await self._rows(INVOICE, text, names, fields, company, limit, ())
                found = [
                    _named(row["number"] or str(row["id"]), row["reference"], _not_final(row))
                    for row in rows
                ]
            case _:
                found = []
        return tuple(sorted(found, key=lambda each: each.blocked is not None))

    async def _rows(
        self,
        model: str,
        text: str,
        names: Sequence[str],
        fields: Sequence[str],
        company: int | None,
        limit: int,
        every: Sequence[Any] = (EVERY,),
    ) -> list[Row]:
        pattern = f"%{literal(text.strip())}%"
        found: dict[int, Row] = {}
        # Each name on its own: of alternatives Tryton leaves out by itself what is deactivated.
        for name in names:
            rows = await self._client.search(
                model,
                [[name, "ilike", pattern], *every],
                fields,
                what=f"what is called so ({model})",
                company=company,
                limit=limit,
            )
            found |= {int(row["id"]): row for row in rows}
        return list(found.values())[:limit]


def _named(code: object, name: object, blocked: str | None) -> LookedUp:
    return LookedUp(id=str(code), name=str(name or code)[:300], blocked=blocked)


def _inactive(row: Row) -> str | None:
    return None if row["active"] else _INACTIVE


def _not_sold(row: Row) -> str | None:
    if not row["active"]:
        return _INACTIVE
    return None if row["account_category"] else "it has no accounting category to be sold on"


def _no_code(row: Row) -> str | None:
    if not row["active"]:
        return _INACTIVE
    return None if row["type"] == "percentage" else "it is not a plain percentage"


def _not_final(row: Row) -> str | None:
    state = row["state"]
    return None if state in ("posted", "paid") else f"it is {state}"
