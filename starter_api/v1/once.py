"""What begins something is done once under an Idempotency-Key, and answered again for a day.

The key belongs to the API key that sent it. It is taken before anything is done: of two requests at
once one is carried out. What was refused has done nothing, and its key is free again.
Source: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from operations.context import AppContext
from operations.errors import Conflict, Invalid
from operations.permissions import Principal
from persistence import kept_answers
from persistence.kept_answers import KeptAnswer
from starter_api.v1.asking import Context, IdempotencyKey

_KEPT_HEADERS = ("content-type", "location", "cache-control")


@dataclass(frozen=True)
class _Once:
    """`name` is the Idempotency-Key; None where none was sent."""

    context: AppContext
    who: Principal
    name: str | None
    asked: str

    async def __call__(self, act: Callable[[], Awaitable[Response]]) -> Response:
        """Its answer, or the one that it had. Raises Invalid where the key has named something
        else, Conflict where that has no answer (yet)."""
        tenant, key, name = self.who.tenant, self.who.key_id, self.name
        if name is None or key is None:
            return await act()
        database = self.context.database
        async with database.transaction() as conn:
            before = await kept_answers.begin(conn, tenant, key, name, self.asked)
        if before is not None:
            return self._again(before)
        try:
            answer = await act()
        except Exception:
            async with database.transaction() as conn:
                await kept_answers.forget(conn, tenant, key, name)
            raise
        headers = {
            named: answer.headers[named] for named in _KEPT_HEADERS if named in answer.headers
        }
        body = bytes(answer.body).decode()
        async with database.transaction() as conn:
            await kept_answers.keep(
                conn, tenant, key, name, status=answer.status_code, headers=headers, body=body
            )
        return answer

    def _again(self, before: KeptAnswer) -> Response:
        if before.asked != self.asked:
            raise Invalid(
                "this Idempotency-Key was sent with another request within the last day",
                remedy="send a key of its own with each request, and the same one only to repeat",
            )
        if before.status is None:
            raise Conflict(
                "the first request under this Idempotency-Key has no answer: it is being carried "
                "out, or was cut off",
                remedy="ask again in a moment; where it stays so, see whether it was done, and "
                "else send it under another key",
            )
        headers = {**(before.headers or {}), "idempotent-replayed": "true"}
        return Response(before.body, before.status, headers)


async def _once(
    request: Request, context: Context, idempotency_key: IdempotencyKey = None
) -> _Once:
    sent: bytes = getattr(request.state, "sent", b"")
    asked = f"{request.method} {request.url.path}?{request.url.query}\n".encode() + sent
    # Whoever declares this after its caller: the key has been looked up by now.
    who: Principal = request.state.who
    return _Once(context, who, idempotency_key, hashlib.sha256(asked).hexdigest())


#: The last parameter of an operation that begins something.
Once = Annotated[_Once, Depends(_once)]
