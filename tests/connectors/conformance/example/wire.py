"""Deskling's answers as they travel. Members that we do not read are ignored."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class Client(Wire):
    id: Annotated[int, Field(ge=1)]
    reference: str | None
    name: str
    plan: str | None
    plan_ends: AwareDatetime | None
    features: tuple[str, ...]


class Clients(Wire):
    clients: tuple[Client, ...]


class OneClient(Wire):
    client: Client


class Changes(Wire):
    """`next` is where the following page begins; `removed` are references."""

    clients: tuple[Client, ...]
    removed: tuple[str, ...]
    next: int
    more: bool


class Case(Wire):
    number: Annotated[int, Field(ge=1)]
    title: str
    urgency: str
    opened: AwareDatetime


class Cases(Wire):
    cases: tuple[Case, ...]


class Me(Wire):
    name: str
    may_write: bool


class ErrorAnswer(Wire):
    """`error` is one word of Deskling's list."""

    error: str
