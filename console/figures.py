"""Money and time as people read them. Money keeps its currency's digits and is never rounded; a
moment has its date in the zone of the page, and a business date no zone at all."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup

from canonical_models.money import Money
from operations.numbers import Day

_NARROW, _MINUS = "\N{NO-BREAK SPACE}", "\N{MINUS SIGN}"
_DAY = timedelta(days=1)


def money(amount: Money | None) -> Markup:
    """Such as `1,300.00 EUR`, with a true minus; a dash where it is not known."""
    if amount is None:
        return Markup('<span class="unknown">not known</span>')
    said = f"{abs(amount).decimal:,f}"
    sign = _MINUS if amount.minor < 0 else ""
    return Markup("<data value='{}' class='money'>{}{}{}{}</data>").format(
        amount.decimal, sign, said, _NARROW, amount.currency
    )


def day(on: date | None) -> str:
    return "-" if on is None else on.isoformat()


def span(lasts: timedelta) -> str:
    """Two units at most, such as `2 h 10 min`."""
    seconds = int(abs(lasts).total_seconds())
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    told: list[str] = []
    for name, size in units:
        count, seconds = divmod(seconds, size)
        if count or told:
            told.append(f"{count} {name}" if count else "")
        if len(told) == 2:
            break
    return " ".join(filter(None, told)) or "0 s"


def seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1f} s" if value < 10 else span(timedelta(seconds=value))


#: Of a small trend, in pixels.
_WIDE, _HIGH, _EDGE = 240, 48, 4


def trend(days: Sequence[Day], objective: float) -> Markup:
    """What was kept, day by day, with what is promised. A day on which nothing was judged is a gap:
    it is not nothing."""
    known = [day.within for day in days if day.within is not None]
    if not known:
        return Markup("")
    low = min(*known, objective) - 0.01
    across = (_WIDE - 2 * _EDGE) / max(len(days) - 1, 1)

    def place(number: int, share: float) -> tuple[float, float]:
        up = (share - low) / (1.005 - low)
        return round(_EDGE + number * across, 1), round(_HIGH - _EDGE - up * (_HIGH - 2 * _EDGE), 1)

    lines: list[list[tuple[float, float]]] = [[]]
    for number, day in enumerate(days):
        if day.within is not None:
            lines[-1].append(place(number, day.within))
        elif lines[-1]:
            lines.append([])
    drawn = Markup("").join(
        Markup('<polyline points="{}"/>').format(" ".join(f"{x},{y}" for x, y in line))
        if len(line) > 1
        else Markup('<circle cx="{}" cy="{}" r="2"/>').format(*line[0])
        for line in lines
        if line
    )
    promised = place(0, objective)[1]
    said = (
        f"{len(known)} of {len(days)} days had any; kept {known[-1] * 100:.4g} % on the last of "
        f"them, {min(known) * 100:.4g} % on the worst; promised {objective * 100:.4g} %"
    )
    return Markup(
        '<svg class="trend" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" '
        'aria-label="{said}"><line class="promised" x1="0" x2="{w}" y1="{y}" y2="{y}"/>'
        "{drawn}</svg>"
    ).format(w=_WIDE, h=_HIGH, said=said, y=promised, drawn=drawn)


def _time(at: datetime, said: str) -> Markup:
    utc = at.astimezone(UTC)
    return Markup("<time datetime='{}' title='{} UTC'>{}</time>").format(
        f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M:%S}", said
    )


class Clock:
    """One page's now and zone."""

    def __init__(self, now: datetime, zone: str | None) -> None:
        self.now = now
        self.zone = zone or "UTC"
        self._zone = ZoneInfo(self.zone)

    def moment(self, at: datetime | None) -> Markup:
        """Date and time in the page's zone; UTC is in the title."""
        if at is None:
            return Markup("-")
        there = at.astimezone(self._zone)
        said = f"{there:%H:%M}" if there.date() == self.today else f"{there:%Y-%m-%d %H:%M}"
        return _time(at, said)

    @property
    def today(self) -> date:
        return self.now.astimezone(self._zone).date()

    def ago(self, at: datetime | None) -> Markup:
        """How long ago where that is less than a day, else when."""
        if at is None:
            return Markup("-")
        if (passed := self.now - at) >= _DAY or passed < timedelta():
            return self.moment(at)
        return _time(at, f"{span(passed)} ago")

    def due(self, at: datetime) -> Markup:
        """What is late is told by a word and a shape, not by a colour alone."""
        left = at - self.now
        if left < timedelta():
            return Markup("<span class='late'>late by {}</span>").format(span(left))
        how = "soon" if left < timedelta(hours=1) else "later"
        return Markup("<span class='{}'>in {}</span>").format(how, span(left))

    def due_in(self, at: datetime) -> Markup:
        """The same within a sentence."""
        said = self.due(at)
        return said if at < self.now else Markup("due ") + said
