"""Forms of what a cause takes, made from the schema of its mend: no field is written down twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from canonical_models.exceptions import Action
from canonical_models.looked_up import LookedUp
from canonical_models.mends import Form, FormInput, LookUp
from canonical_models.money import Money
from console.words import FIELDS, INPUTS
from operations.exceptions import Decision

Model = TypeVar("Model", bound=BaseModel)

_MESSAGES = {
    "missing": "fill this in",
    "string_too_short": "fill this in",
    "string_too_long": "this is too long",
    "string_pattern_mismatch": "this is not as such names are written",
    "date_from_datetime_parsing": "give a day, such as 2026-12-31",
    "date_parsing": "give a day, such as 2026-12-31",
}


class Widget(StrEnum):
    """What a field is filled in by. A schema says which, and nothing else does."""

    FIXED = "fixed"
    TEXT = "text"
    LONG = "long"
    DATE = "date"
    MONEY = "money"
    YES_NO = "yes_no"
    SEVERAL = "several"
    #: Few enough to be seen at once, else looked up.
    CHOICE = "choice"


#: More options than these are looked up.
MOST_OPTIONS = 7
#: From so many characters on a text has lines.
_LONG_FROM = 300


@dataclass(frozen=True)
class Field:
    """`name` is what it is sent as, `value` what is known of it already. `look_up` is what it is
    the name of, where that is looked up; `options` are all that there are, where that is known."""

    name: str
    label: str
    hint: str
    widget: Widget
    value: str
    required: bool
    most: int | None
    look_up: LookUp | None = None
    options: tuple[LookedUp, ...] = ()

    @property
    def id(self) -> str:
        return self.name.replace(".", "-")


@dataclass(frozen=True)
class Inputs:
    """One of the things that a correction may bring; `act` is what it needs leave for, `why` who
    speaks for what it is filled in with."""

    name: str
    title: str
    act: str
    fields: tuple[Field, ...]
    why: str | None = None


class Wrong(Exception):
    """What was sent cannot be taken; by field, why."""

    def __init__(self, faults: dict[str, str], *, title: str = "There is a problem") -> None:
        super().__init__(title)
        self.title = title
        self.faults = faults

    @property
    def problem(self) -> dict[str, str]:
        """For the summary; the words at each field are the same."""
        told = [
            f"{FIELDS.get(name.rpartition('.')[2], (name, ''))[0]}: {why}"
            for name, why in self.faults.items()
        ]
        return {
            "title": self.title,
            "detail": "; ".join(told),
            "remedy": "correct what is named, and send it again: nothing was done",
        }


#: By what a field is the name of, all that there is of it.
Options = Mapping[LookUp, tuple[LookedUp, ...]]


def inputs_of(form: Form, options: Options | None = None) -> tuple[Inputs, ...]:
    return tuple(
        Inputs(
            each.name,
            INPUTS.get(each.name, each.name),
            each.scope,
            fields_of(each, options or {}),
            each.why,
        )
        for each in form.inputs
    )


def fields_of(given: FormInput, options: Options) -> tuple[Field, ...]:
    required = set(given.json_schema.get("required", ()))
    return tuple(
        _field(given, name, said, options, required=name in required)
        for name, said in given.json_schema["properties"].items()
    )


def _field(
    given: FormInput, name: str, said: Mapping[str, Any], options: Options, *, required: bool
) -> Field:
    label, hint = FIELDS.get(name, (name.replace("_", " ").capitalize(), ""))
    of = [said, *said.get("anyOf", ())]
    look_up = given.look_ups.get(name)
    known = options.get(look_up, ()) if look_up else ()
    listed = next((each["enum"] for each in of if "enum" in each), ())
    known = known or tuple(LookedUp(id=str(each), name=str(each)) for each in listed)
    value = given.known.get(name, "")
    filled_in = value or given.proposed.get(name, "")
    few = 0 < len(known) <= MOST_OPTIONS
    most = next((each["maxLength"] for each in of if "maxLength" in each), None)
    return Field(
        name=f"{given.name}.{name}",
        label=label,
        hint=hint,
        widget=Widget.FIXED if value else _widget(of, most, few=few),
        value=filled_in,
        required=required,
        most=most,
        look_up=None if few else look_up,
        options=known if few else (),
    )


def _widget(of: Sequence[Mapping[str, Any]], most: int | None, *, few: bool) -> Widget:
    if few:
        return Widget.CHOICE
    if any(each.get("format") == "date" for each in of):
        return Widget.DATE
    if any(str(each.get("$ref", "")).endswith("/Money") for each in of):
        return Widget.MONEY
    types = {each.get("type") for each in of}
    if "boolean" in types:
        return Widget.YES_NO
    if "array" in types:
        return Widget.SEVERAL
    return Widget.LONG if (most or 0) > _LONG_FROM else Widget.TEXT


def taken(model: type[Model], **said: Any) -> Model:
    """What a small form has said. Raises Wrong."""
    try:
        return model.model_validate(said, strict=False)
    except ValidationError as fault:
        raise Wrong(_faults(fault)) from None


def decision_of(form: Form, action: Action, sent: Mapping[str, str]) -> Decision:
    """What somebody has decided with it. Raises Wrong."""
    said: dict[str, Any] = {
        "action": action,
        "note": sent.get("note", "").strip(),
        "digest": sent.get("digest") or None,
    }
    brought = sent.get("input", "")
    if action in {Action.CORRECT, Action.SKIP}:
        said |= {each.name: filled(each, sent) for each in form.inputs if each.name == brought}
    return taken(Decision, **said)


def filled(given: FormInput, sent: Mapping[str, str]) -> dict[str, Any]:
    """What was sent of it, as its model takes it."""
    values: dict[str, Any] = {}
    for field in fields_of(given.model_copy(update={"known": {}}), {}):
        text = sent.get(field.name, "").strip()
        name = field.name.rpartition(".")[2]
        if field.widget is Widget.SEVERAL:
            values[name] = [part.strip() for part in text.split(",") if part.strip()]
        elif text:
            values[name] = _money(text) if field.widget is Widget.MONEY else text
    return values


def _money(text: str) -> Any:
    """Such as `12.50 EUR`; what is none is left to the model to refuse."""
    amount, _, currency = text.replace("\u00a0", " ").rpartition(" ")
    try:
        return Money.of(Decimal(amount.replace(",", "").strip()), currency)
    except (ArithmeticError, ValueError):
        return text


def _faults(fault: ValidationError) -> dict[str, str]:
    found = {}
    for error in fault.errors():
        words = [str(part) for part in error["loc"] if isinstance(part, str)]
        found[".".join(words)] = _MESSAGES.get(error["type"], str(error["msg"]))
    return found
