"""Recording what a vendor answers, and playing it to the adapter that is here: what would be read
otherwise, of which subscriptions, and how much money it is about. Playing writes nothing, here or
there, and needs nothing but the file."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

import orjson

from canonical_models.base import Canonical, isoformat
from canonical_models.money import Money
from connectors.redaction import options
from connectors.registry import UnknownVendor
from connectors.replaying import Read, play
from connectors.shadow import READS
from operations.connections import used_as
from operations.context import AppContext
from operations.errors import Conflict, Invalid
from operations.replayed import Otherwise, compared, subscriptions_of
from persistence import recordings

#: Of the file: what has another form is refused.
FORM = 1
LONGEST = timedelta(hours=1)
_MOST_SHOWN = 200


class Replayed(Canonical):
    """`calls` were played; `same` of them read what they did. `unplayable` could not be, for what
    they need was not recorded, and `writes` are never played. `money` is by how much amounts would
    be other ones, and all of the documents that could not be read any more, by currency."""

    connection: str
    vendor: str
    recorded_by: str
    version: str
    calls: int
    same: int
    unplayable: int
    writes: int
    otherwise: tuple[Otherwise, ...]
    more: int
    subscriptions: tuple[str, ...]
    money: tuple[Money, ...]


async def begin(context: AppContext, tenant: str, name: str, *, lasts: timedelta, by: str) -> str:
    """Have all workers record the connection from now on; the id of the recording. Raises NotFound,
    Invalid for a time that does not fit, Conflict where it is recorded already."""
    used_as(context, tenant, name)
    if not timedelta(0) < lasts <= LONGEST:
        raise Invalid(
            f"a recording lasts up to {LONGEST.total_seconds() / 60:.0f} minutes",
            remedy="give a shorter time, such as 10m",
        )
    async with context.database.transaction() as conn:
        made = await recordings.begin(conn, tenant, name, seconds=lasts.total_seconds(), by=by)
    if made is None:
        raise Conflict(
            f"the connection {name} is being recorded", remedy="wait until that one is over"
        )
    return made


async def end(context: AppContext, recording: str) -> None:
    async with context.database.transaction() as conn:
        await recordings.end(conn, recording)


async def take(
    context: AppContext, tenant: str, name: str, recording: str, *, since: datetime, to: datetime
) -> tuple[list[bytes], int]:
    """The lines of the file, and how many calls there are; it is dropped here. With each call that
    reads stands what this version makes of it, which later ones are held against."""
    used, settings = used_as(context, tenant, name)
    async with context.database.transaction() as conn:
        entries: list[dict[str, Any]] = [*await recordings.take(conn, recording)]
    configured = settings.connections[name]
    head = {
        "trueup_recording": FORM,
        "version": version("trueup"),
        "connection": name,
        "vendor": configured.vendor,
        "part": used if used in READS else "target",
        "options": options(configured.options),
        "secrets": sorted(configured.secrets),
        "from": isoformat(since),
        "to": isoformat(to),
    }
    reads = iter(await play(head, entries))
    for entry in entries:
        if entry["reads"]:
            entry["read"] = next(reads).model_dump(mode="json")
    return [orjson.dumps(head), *(orjson.dumps(each) for each in entries)], len(entries)


async def replay(lines: Sequence[bytes]) -> Replayed:
    """Raises Invalid for what is no recording, or of a vendor that this version does not know."""
    head, entries = _parsed(lines)
    try:
        now = await play(head, entries)
    except (KeyError, ValueError, UnknownVendor) as fault:
        raise Invalid(
            f"the recording is of a connection that cannot be made here: {fault}",
            remedy="play it with a version that knows its vendor and options",
        ) from fault
    then = [Read.model_validate(each["read"], strict=False) for each in entries if each["reads"]]
    found: list[Otherwise] = []
    subscriptions, money, same, unplayable = set[str](), dict[str, int](), 0, 0
    for was, is_ in zip(then, now, strict=True):
        if was.unplayable or is_.unplayable:
            unplayable += 1
            continue
        different = [*compared(was, is_, money)]
        same += not different
        found += different
        if different:
            subscriptions |= set(subscriptions_of(was))
    return Replayed(
        connection=head["connection"],
        vendor=head["vendor"],
        recorded_by=head["version"],
        version=version("trueup"),
        calls=len(then),
        same=same,
        unplayable=unplayable,
        writes=len(entries) - len(then),
        otherwise=tuple(found[:_MOST_SHOWN]),
        more=max(len(found) - _MOST_SHOWN, 0),
        subscriptions=tuple(sorted(subscriptions)),
        money=tuple(Money(minor=minor, currency=of) for of, minor in sorted(money.items())),
    )


def _parsed(lines: Sequence[bytes]) -> tuple[dict[str, Any], list[Mapping[str, Any]]]:
    try:
        head, *entries = (orjson.loads(line) for line in lines if line.strip())
        form = head["trueup_recording"]
    except (ValueError, KeyError, TypeError) as fault:
        raise Invalid(
            "the file is no recording", remedy="give one that `connections record` has written"
        ) from fault
    if form != FORM:
        raise Invalid(
            f"the recording has the form {form}, and this version reads {FORM}",
            remedy="record it anew",
        )
    return head, entries
