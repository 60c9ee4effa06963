"""What Trueup did for customers that are found wrong: the stack is gone afterwards."""

from collections.abc import Collection

import psycopg

_CHANGES = """
select c.id, c.subject, c.kind, c.state, c.outcome, c.epoch, c.taken_in_by, c.summary,
       c.happened::text
  from changes c where c.customer_id = %(customer)s
   and (c.taken_in_by is null or c.state <> 'settled') order by c.seq
"""
_QUESTIONS = """
select id, belongs_to, track, code, step, owner, state, resolution, resolved_by, left(message, 200)
  from exceptions where customer_id = %(customer)s order by opened_at
"""
_EFFECTS = """
select e.key, e.change_id, e.state, e.attempt, left(e.error, 200)
  from effects e join changes c on c.id = e.change_id
 where c.customer_id = %(customer)s order by e.created_at
"""


async def evidence(dsn: str, customers: Collection[str]) -> list[str]:
    """Its changes but those that others have taken in, what was asked, and its effects."""
    lines: list[str] = []
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        for customer in sorted(customers):
            lines.append(f"about {customer}:")
            for query in (_CHANGES, _QUESTIONS, _EFFECTS):
                found = await connection.execute(query, {"customer": customer})
                for row in await found.fetchall():
                    said = " | ".join(str(value) for value in row if value not in (None, "[]"))
                    lines.append(f"  {said}")
    return lines
