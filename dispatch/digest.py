"""What a team is told of its questions, in words: counts and sums by cause, and where each is seen.

Nothing that belongs to a person: causes by their code, questions by their id.
"""

from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256

from persistence.digests import Claim, News, Told

_TITLES = {
    "new": "New",
    "late": "Late: nobody has answered in time",
    "escalated": "Escalated",
}


def message(
    claimed: Claim, news: News, *, sender: str, to: tuple[str, ...], base_url: str | None
) -> EmailMessage:
    """The mail of all that has come about since the team was told last."""
    made = EmailMessage()
    made["Subject"] = f"Trueup {claimed.tenant}, {claimed.team}: {_counts(news)}"
    made["From"], made["To"] = sender, ", ".join(to)
    made["Date"] = format_datetime(news.up_to)
    made["Message-ID"] = _message_id(claimed, sender)
    made["Auto-Submitted"] = "auto-generated"
    made.set_content("\n".join(_lines(claimed, news, base_url)) + "\n")
    return made


def _counts(news: News) -> str:
    counted = {what: sum(each.count for each in news.told if each.what == what) for what in _TITLES}
    return ", ".join(f"{count} {what}" for what, count in counted.items() if count)


def _lines(claimed: Claim, news: News, base_url: str | None) -> Iterator[str]:
    since = f" since {claimed.told_to:%Y-%m-%d %H:%M} UTC" if claimed.told_to else ""
    yield f"{_counts(news)}{since}."
    yield f"{news.open} open now, {news.late} of them late."
    for what, title in _TITLES.items():
        if told := [each for each in news.told if each.what == what]:
            yield ""
            yield title
            for each in told:
                yield from _cause(claimed, each, base_url)


def _cause(claimed: Claim, told: Told, base_url: str | None) -> Iterator[str]:
    questions = "1 question" if told.count == 1 else f"{told.count} questions"
    yield f"  {told.code.replace('_', ' ')}: {questions}, {_at_risk(told)}"
    for exception_id in told.exception_ids:
        yield f"    {_seen(claimed.tenant, exception_id, base_url)}"
    if (more := told.count - len(told.exception_ids)) > 0:
        yield f"    and {more} more"


def _at_risk(told: Told) -> str:
    sums = [str(amount) for amount in told.amounts]
    if told.unknown:
        sums.append("an unknown amount" if not sums else f"an unknown amount in {told.unknown}")
    return f"{' and '.join(sums)} at risk"


def _seen(tenant: str, exception_id: str, base_url: str | None) -> str:
    if base_url is None:
        return f"trueup exceptions show {exception_id} --tenant {tenant}"
    return f"{base_url.rstrip('/')}/{tenant}/cases/{exception_id}"


def _message_id(claimed: Claim, sender: str) -> str:
    """The same where the same is sent again, so that the mail of a crash is known for a copy."""
    told = claimed.told_to.isoformat() if claimed.told_to else ""
    name = sha256(f"{claimed.tenant}\0{claimed.team}\0{told}".encode()).hexdigest()[:24]
    return f"<digest.{name}@{sender.rpartition('@')[2]}>"
