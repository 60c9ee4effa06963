"""Which rows are sealed, and what of each: a closed list.

A row is sealed where it stands, when what is sealed of it does not change any more. What the
retention policy drops, or a person may have erased, enters by a salted digest.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from canonical_models.seal import ERASED, read
from persistence.connection import Connection

#: A row by its columns, JSON as values.
Row = Mapping[str, Any]
#: Whether what was sealed still stands in the row; another of the same set has taken its place; or
#: the row is in a state that it cannot have come to.
Stands = Literal["stands", "superseded", "impossible"]


@dataclass(frozen=True, slots=True)
class Source:
    """A table of which rows are sealed. `key` is its key, a number where `numbered`; `columns` are
    what each `part` of a row says, `erasable` what of these may be gone later, `json` those in
    JSON, `shown` how some are read in SQL. `also` is looked at and not sealed.
    `objects` are columns that name what the row is about."""

    name: str
    key: str
    columns: Mapping[str, tuple[str, ...]]
    #: When it happened, by part.
    at: Mapping[str, str]
    objects: tuple[str, ...]
    #: Rows that are to be sealed as (tenant, place, part, at); in SQL.
    all_of: str
    numbered: bool = False
    erasable: tuple[str, ...] = ()
    json: tuple[str, ...] = ()
    shown: Mapping[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    stands: Callable[[Row, str], Stands] = lambda _row, _part: "stands"

    def kind(self, part: str) -> str:
        """A part without the attempt that it was of."""
        return part.partition("/")[0]

    def content(self, row: Row, part: str) -> dict[str, Any]:
        """What stays in the row for good."""
        columns = self.columns.get(self.kind(part), ())
        return {name: row[name] for name in columns if name not in self.erasable}

    def erasables(self, row: Row, part: str) -> dict[str, Any]:
        """What is there of what may go."""
        columns = self.columns.get(self.kind(part), ())
        there = {name: row[name] for name in columns if name in self.erasable and row[name]}
        return {name: value for name, value in there.items() if value != ERASED}

    def about(self, row: Row) -> list[str]:
        """Ids of the business objects, each once."""
        named = [row[name] for name in self.objects if row[name]]
        if self.name == "outbox" and row["event"]:
            data = row["event"].get("data", {})
            named += [id_ for name, id_ in data.items() if name.endswith("_id") and id_]
        return list(dict.fromkeys(str(name) for name in named))

    async def rows(self, conn: Connection, places: Sequence[str]) -> dict[str, Row]:
        """By key."""
        names = dict.fromkeys(name for columns in self.columns.values() for name in columns)
        json = {name: f"{name}::text" for name in self.json}
        shown = [{**json, **self.shown}.get(name, name) for name in names]
        kind = "bigint" if self.numbered else "text"
        found = await conn.execute(
            f"select {', '.join([*shown, *self.also])} from {self.name} "  # noqa: S608 - of constants
            f"where {self.key} = any(%s::{kind}[])".encode(),
            (list(places),),
        )
        every = [*names, *self.also]
        rows = [dict(zip(every, row, strict=True)) for row in await found.fetchall()]
        for row in rows:
            row.update({name: read(row[name]) for name in self.json})
        return {str(row[self.key]): row for row in rows}


_UNDONE = ("compensating", "compensated")


#: Of ours, the grants of a change are such a set; others' sets have a name.
_OWN_SETS = "entitlements"


def _effect_stands(row: Row, part: str) -> Stands:
    """A set is written again and again, by one row: what it was before stands no longer. All else
    is confirmed once, and then only undone."""
    kind, _, attempt = part.partition("/")
    now = (row["state"], str(row["attempt"]))
    if now == (kind, attempt):
        return "stands"
    if kind != "confirmed" or not attempt.isdecimal() or int(attempt) >= row["attempt"]:
        return "impossible"
    if row["writes_set"] is not None or row["system"] == _OWN_SETS:
        return "superseded"
    return "stands" if row["state"] in _UNDONE else "impossible"


_EFFECT = (
    *("key", "tenant", "change_id", "step", "system", "operation", "request_hash", "place"),
    *("writes_set", "vendor_reference", "url", "result", "created_at", "confirmed_at"),
)
_DECISION = (
    *("id", "seq", "tenant", "at", "decided_by", "door", "address", "request_id", "action"),
    *("target_kind", "target_id", "change_id", "scope", "shown_version", "shown_digest"),
    *("before", "after", "reason", "once"),
)

SOURCES = {
    source.name: source
    for source in (
        Source(
            "decisions",
            key="id",
            columns={"made": _DECISION, "outcome": ("id", "tenant", "delivered_at", "outcome")},
            at={"made": "at", "outcome": "delivered_at"},
            objects=("id", "target_id", "change_id"),
            all_of="select tenant, id, part, at from decisions, "
            "unnest(array['made', 'outcome']) as part "
            "where part = 'made' or delivered_at is not null",
            erasable=("address", "before", "after", "reason"),
            json=("before", "after"),
        ),
        Source(
            "approved_plans",
            key="id",
            columns={
                "": ("id", "tenant", "change_id", "digest", "plan", "approved_by", "approved_at")
            },
            at={"": "approved_at"},
            objects=("change_id",),
            all_of="select tenant, id, '', approved_at from approved_plans",
            erasable=("plan",),
            json=("plan",),
        ),
        Source(
            "closes",
            key="id",
            columns={
                "": (
                    *("id", "tenant", "legal_entity", "period", "about", "version", "closed_by"),
                    *("closed_at", "report"),
                )
            },
            at={"": "closed_at"},
            objects=("about", "id"),
            all_of="select tenant, id, '', closed_at from closes",
        ),
        Source(
            "effects",
            key="key",
            columns={
                "confirmed": _EFFECT,
                "compensated": (
                    *_EFFECT,
                    *("undo_reference", "undo_result", "closed_by", "compensated_at"),
                ),
            },
            at={"confirmed": "confirmed_at", "compensated": "compensated_at"},
            objects=("key", "change_id", "vendor_reference", "undo_reference"),
            all_of="select tenant, key, state || '/' || attempt, "
            "coalesce(compensated_at, confirmed_at) from effects "
            "where state in ('confirmed', 'compensated')",
            json=("result", "undo_result"),
            also=("state", "attempt"),
            stands=_effect_stands,
        ),
        Source(
            "outbox",
            key="seq",
            columns={
                "": (
                    "seq",
                    "event_id",
                    "tenant",
                    "type",
                    "subject",
                    "event",
                    "reason",
                    "created_at",
                )
            },
            at={"": "created_at"},
            objects=("subject",),
            all_of="select tenant, seq::text, '', created_at from outbox",
            numbered=True,
            erasable=("event", "reason"),
            json=("event",),
            # What people said may be erased without the rest.
            shown={
                "event": "(event #- '{data,reason}')::text",
                "reason": "event #>> '{data,reason}'",
            },
        ),
        Source(
            "inbox",
            key="id",
            columns={
                "": (
                    *("id", "receipt", "tenant", "connection", "event_id", "event_type"),
                    *("received_at", "body"),
                )
            },
            at={"": "received_at"},
            objects=("receipt", "event_id"),
            all_of="select tenant, id::text, '', received_at from inbox",
            numbered=True,
            erasable=("body",),
            # Its digest alone leaves the database: a body may be large.
            shown={"body": "case when octet_length(body) > 0 then sha256(body) end"},
        ),
    )
}
