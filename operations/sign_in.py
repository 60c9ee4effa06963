"""Signing in: by password or by an identity provider, and what a browser's session is worth.

There is one sentence for every refusal, whatever it was for: an account that does not exist, a
wrong password, too many tries. Which of them it was is nobody's business who cannot sign in.
"""

import asyncio
import functools
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from zoneinfo import available_timezones

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from canonical_models.acts import ADMIN, Role
from operations.context import AppContext
from operations.errors import Invalid, NotDone, NotFound
from operations.permissions import Principal
from persistence import people, sessions, sign_in_failures
from persistence.sessions import SessionView, Wishes
from persistence.sign_in_failures import Count
from runtime.settings import SignInSettings

__all__ = [
    "NotSignedIn",
    "SessionView",
    "SignedIn",
    "Wishes",
    "begin",
    "end",
    "found",
    "leave",
    "places",
    "set_password",
    "wish",
    "with_invitation",
    "with_password",
]

T = TypeVar("T")

#: Shorter ones are guessed; what it is made of is left to people (NIST SP 800-63B, section 5.1.1).
SHORTEST, LONGEST = 12, 256

_LONG = timedelta(minutes=15)
#: Of one account from anywhere: short, because whoever knows a name can cause it.
_SHORT = timedelta(minutes=1)


class NotSignedIn(NotDone):
    """The one sentence."""

    title = "Not signed in"

    def __init__(self) -> None:
        super().__init__(
            "this sign-in was not accepted",
            remedy="check name and password and wait some minutes after several tries; an "
            "administrator of your company can invite you anew",
        )


@dataclass(frozen=True)
class SignedIn:
    """Who uses a browser's session. The roles are read anew for each request. It ends in `whole`
    seconds for good, and in `unused` seconds where nobody uses it."""

    person_id: str
    name: str
    roles: Mapping[str, frozenset[Role]]
    settings: Wishes = field(default_factory=Wishes)
    unused: float = 0
    whole: float = 0

    @property
    def left(self) -> int:
        """Seconds until it is over, where nobody does anything."""
        return int(min(self.unused, self.whole))

    def within(self, tenant: str) -> Principal | None:
        """What they are to the tenant; None where it may not be known to exist."""
        if tenant not in self.roles:
            return None
        return Principal(
            tenant=tenant,
            name=self.name,
            scopes=frozenset({ADMIN}),
            roles=self.roles[tenant],
            person_id=self.person_id,
        )


async def with_password(context: AppContext, name: str, password: str, address: str) -> str:
    """The person. Raises NotSignedIn.

    A try is counted before the password is looked at. After some, the account and address pair
    waits, and the address, each for a quarter of an hour at most. One account from anywhere waits
    for a minute at most, and not where its holder has signed in from before, so that nobody can
    lock out who is known.
    """
    called = name.strip().lower()
    account = called if called.isprintable() else ""
    pair = Count(("account from address", called, address), free=5, longest=_LONG)
    whole = Count(("account", called), free=20, longest=_SHORT)
    place = Count(("address", address), free=30, longest=_LONG)
    async with context.database.transaction() as conn:
        known_here = await sessions.known_from(conn, account, address)
        counts = (pair, place) if known_here else (pair, place, whole)
        if not await sign_in_failures.take(conn, counts):
            # Nothing is looked at, and this try counts nowhere.
            raise NotSignedIn
        found = await people.password_of(conn, account)
    person_id, hashed = found or (None, None)
    right = await _in_thread(_matches, hashed or "", password)
    if not right or person_id is None or hashed is None:
        raise NotSignedIn
    async with context.database.transaction() as conn:
        if not await people.roles_of(conn, person_id):
            raise NotSignedIn
        await sign_in_failures.forgive(conn, (pair, whole), one_of=place)
    return person_id


async def with_invitation(context: AppContext, invitation: str) -> str:
    """The person whose it was, which opens nothing from then on. Raises NotSignedIn."""
    async with context.database.transaction() as conn:
        person = await people.redeem(conn, None, invitation)
        if person is None or not await people.roles_of(conn, person.person_id):
            raise NotSignedIn
    return person.person_id


async def set_password(context: AppContext, person_id: str, password: str) -> None:
    """From now on that is it, and every session is over. Raises Invalid."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid(
            f"a password has {SHORTEST} to {LONGEST} characters",
            remedy="choose a longer one, of several words for instance",
        )
    hashed = await _in_thread(_hashed, password)
    async with context.database.transaction() as conn:
        await people.set_password(conn, person_id, hashed)
        await sessions.end_all_of(conn, person_id)


async def begin(
    context: AppContext,
    person_id: str,
    address: str,
    given: SignInSettings,
    *,
    before: str | None = None,
) -> str:
    """A new session's token for who has signed in; the one before it is over."""
    async with context.database.transaction() as conn:
        if before is not None:
            await sessions.end(conn, before)
        return await sessions.begin(
            conn, person_id, address, lasts=timedelta(hours=given.session_hours)
        )


async def found(
    context: AppContext, token: str, given: SignInSettings, *, used: bool = True
) -> SignedIn | None:
    """Who is signed in with it; None where nobody is any more. What a page asks by itself does not
    keep a session from ending (`used`)."""
    async with context.database.statement() as conn:
        idle = timedelta(minutes=given.idle_minutes)
        held = await sessions.holder_of(conn, token, idle=idle, used=used)
    if held is None or not held.roles:
        return None
    return SignedIn(
        held.person_id, held.name, held.roles, held.wishes, unused=held.unused, whole=held.whole
    )


async def places(
    context: AppContext, person_id: str, token: str, given: SignInSettings
) -> tuple[SessionView, ...]:
    """Where somebody is signed in, this browser first."""
    async with context.database.statement() as conn:
        idle = timedelta(minutes=given.idle_minutes)
        return await sessions.of_person(conn, person_id, token, idle=idle)


async def leave(context: AppContext, person_id: str, session_id: str) -> None:
    """That browser opens nothing any more. Raises NotFound for one that is not theirs, or over."""
    async with context.database.statement() as conn:
        if not await sessions.end_one_of(conn, person_id, session_id):
            raise NotFound(
                "you are not signed in there any more", remedy="look at where you still are"
            )


async def wish(context: AppContext, person_id: str, wishes: Wishes) -> None:
    """How the console is shown to somebody from their next page on. Raises Invalid for a zone that
    there is not."""
    if wishes.zone is not None and wishes.zone not in available_timezones():
        raise Invalid(
            f"{wishes.zone} is no time zone", remedy="give one such as Europe/Berlin, or none"
        )
    async with context.database.statement() as conn:
        await sessions.wish(conn, person_id, wishes)


async def end(context: AppContext, token: str) -> None:
    async with context.database.statement() as conn:
        await sessions.end(conn, token)


def _hashed(password: str) -> str:
    return _hasher().hash(_bytes(password))


def _matches(hashed: str, password: str) -> bool:
    try:
        return _hasher().verify(hashed or _nobodys(), _bytes(password))
    except (VerifyMismatchError, InvalidHashError):
        return False


def _bytes(password: str) -> bytes:
    """One character too many is enough to be wrong, and as many as are sent take no longer."""
    return password[: LONGEST + 1].encode("utf-8", "surrogatepass")


@functools.cache
def _hasher() -> PasswordHasher:
    """Argon2id as RFC 9106 recommends it where memory is not plenty: 64 MiB, three passes."""
    return PasswordHasher()


@functools.cache
def _nobodys() -> str:
    """Looked at where there is no such account, which takes as long."""
    return _hasher().hash("nobody's password")


@functools.cache
def _threads() -> ThreadPoolExecutor:
    """Two at a time: each takes 64 MiB, and the loop goes on beside them."""
    return ThreadPoolExecutor(2, thread_name_prefix="passwords")


async def _in_thread(work: Callable[..., T], *given: str) -> T:
    return await asyncio.get_running_loop().run_in_executor(_threads(), work, *given)
