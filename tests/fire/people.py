"""What people have decided, which machines have to respect: told to the invariants."""

from dataclasses import dataclass, field


@dataclass
class People:
    """`took_back` are subjects whose changes a person has aborted or cancelled: what they gave and
    posted may be gone, until billing says something new. `extended` are invoices with more time."""

    took_back: set[str] = field(default_factory=set)
    extended: set[str] = field(default_factory=set)


NOBODY = People()
