"""How many calls a vendor takes at once, found out by calling it.

One more while it answers in time and all places are taken; at 429 one fewer, and what was refused
is tried again after some hundred answers; half when it gets slow or does not answer. In time is
what takes no longer than usual, because a vendor that queues says nothing else, and leaves most of
our patience. Pure: time comes in as seconds.
"""

from dataclasses import dataclass, field

#: A number that was too many is tried again after so many answers.
ANSWERS_AT_CEILING = 400
#: What an answer may take more than usual before we take ourselves for the cause.
_QUEUED = 2.0
#: What is usual rises so much with each answer that takes longer, and falls so much with each other
#: one: a third of the answers are quicker, and load that lasts is not soon taken for usual.
_RISES, _FALLS = 1.004, 0.992
#: The part of our patience that a slow answer uses up.
_MOST_OF_IT = 0.75


@dataclass
class Limiter:
    """Of one connection in one process. `patience` is the seconds after which a call is given up,
    `start` what is tried first, `most` what is never passed."""

    patience: float
    most: int = 32
    start: int = 2
    limit: int = 0
    #: Counts the times that there were fewer: a call that began before the last says no more.
    turn: int = 0
    _ceiling: int | None = None
    _since_ceiling: int = 0
    _good: int = 0
    _in_a_row: int = 0
    _usual: dict[bool, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.limit = min(self.start, self.most)

    def answered(self, seconds: float, *, turn: int, full: bool, writes: bool) -> None:
        """An answer that is no 429. `turn` is the limiter's when the call began, `full` whether
        all places were taken, `writes` the kind of call: writes are compared with writes."""
        usual = self._usual.setdefault(writes, seconds)
        self._usual[writes] = usual * (_RISES if seconds > usual else _FALLS)
        self._since_ceiling += 1
        if self._ceiling is not None and self._since_ceiling >= ANSWERS_AT_CEILING:
            self._ceiling = None
        queued = seconds > _QUEUED * usual
        if queued and seconds > self.patience * _MOST_OF_IT:
            self._fewer(self.limit - self.limit // 2, turn)
            return
        one_more = seconds * (self.limit + 1) / self.limit
        if not full or queued or one_more > self.patience / 2:
            return
        self._good += 1
        if self._good >= self.limit:
            self._good = self._in_a_row = 0
            if self.limit + 1 < (self._ceiling or self.most + 1):
                self.limit += 1

    @property
    def usual_write(self) -> float:
        """Seconds; 0 before the first."""
        return self._usual.get(True, 0.0)

    def refused(self, *, turn: int) -> None:
        """429. Refusals without a good round between them count double each time: the vendor has
        become much smaller, or what it limits is no number at once."""
        if turn == self.turn:
            self._in_a_row += 1
            self._fewer(2 ** (self._in_a_row - 1), turn)

    def begin_anew(self) -> None:
        """It was away, so that what was learnt of it at the end is no more."""
        self.limit, self._ceiling = min(self.start, self.most), None
        self.turn += 1
        self._good = self._in_a_row = 0

    def silent(self, *, turn: int) -> None:
        """No answer within the patience."""
        self._fewer(self.limit - self.limit // 2, turn)

    def _fewer(self, by: int, turn: int) -> None:
        if turn != self.turn:
            return
        self._ceiling, self._since_ceiling = self.limit, 0
        self.limit = max(1, self.limit - by)
        self.turn += 1
        self._good = 0
