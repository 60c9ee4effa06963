"""What OpenAPI says of an operation beyond its parameters: answers, problems, examples."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from canonical_models.base import Canonical
from starter_api.v1.examples_problems import PROBLEMS


class Misfit(Canonical):
    """A parameter, or a field of a body, that does not fit."""

    at: str = Field(examples=["query.limit"])
    code: str = Field(examples=["less_than_equal"])
    message: str = Field(examples=["Input should be less than or equal to 200"])


class Problem(BaseModel):
    """RFC 9457. `code` is stable, `detail` says what failed, `remedy` what to do next. Members that
    are not listed here may be added."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:trueup:problem:not-found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    code: str = Field(examples=["not-found"])
    detail: str = Field(examples=["there is no change chg_01"])
    remedy: str = Field(default="", examples=["list them"])
    see: str = Field(default="", examples=["/v1/changes"])
    facts: dict[str, Any] = Field(
        default={}, description="With 409: what is so by now.", examples=[{"action": "retry"}]
    )
    errors: tuple[Misfit, ...] = Field(default=(), description="With 422: where it does not fit.")
    scope: str = Field(default="", description="With 403: the scope that the API key lacks.")


_WORDS = {
    400: "The body is not JSON.",
    401: "No API key, or one that is not known.",
    403: "The API key lacks the scope of this operation.",
    404: "The tenant has no such object.",
    409: "The object is not in a state in which this can be done.",
    412: "It is not any more what was shown with the ETag of `If-Match`.",
    413: "The body is too large.",
    415: "The body is not announced as JSON.",
    422: "Parameters or body do not fit; `errors` says where, and never repeats what was sent.",
    429: "The API key, or without a known one the address, has sent too many requests.",
    503: "A system that this needs does not answer; nothing is known to have changed.",
}

#: What may be sent again, and when.
_LATER = {429, 503}
_RETRY_AFTER = {
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}
}


def answers(
    model: type[BaseModel],
    example: Any,
    *problems: int,
    kept: bool = False,
    underway: Any = None,
    begun: bool = False,
) -> Any:
    """The `responses` of an operation; `kept` where the answer carries an ETag, `underway` an
    example of what is answered where a decision is kept and still to be handed over, `begun` where
    what was asked for goes on by itself."""
    content = {"application/json": {"example": example}}
    found: dict[int | str, dict[str, Any]] = {
        200: {"model": model, "description": "As it is now.", "content": content}
    }
    if begun:
        found = {
            202: {
                "model": model,
                "description": "It goes on by itself.",
                "headers": {
                    "Location": {
                        "schema": {"type": "string"},
                        "description": "Where its progress is seen.",
                    }
                },
                "content": content,
            }
        }
    if kept:
        found[200]["headers"] = {"ETag": {"schema": {"type": "string"}}}
        found[304] = {"description": "As `If-None-Match` says: the caller has it."}
    if underway is not None:
        found[202] = {
            "model": model,
            "description": "The decision is kept, and handed over by itself as soon as it can be.",
            "content": {"application/json": {"example": underway}},
        }
    for status in sorted({401, 403, 422, 429, 503, *problems}):
        found[status] = {
            "description": _WORDS[status],
            "content": {
                "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": PROBLEMS[status],
                }
            },
        }
        if status in _LATER:
            found[status]["headers"] = _RETRY_AFTER
    return found


def bounded(why: str) -> dict[str, Any]:
    """The `openapi_extra` of a list that is no longer than it may be without pages."""
    return {"x-bounded": why}


def takes(model: type[BaseModel], **examples: Any) -> dict[str, Any]:
    """The `openapi_extra` of an operation with a body; the model goes into the components."""
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": f"#/components/schemas/{model.__name__}"},
                    "examples": {name: {"value": value} for name, value in examples.items()},
                }
            },
        }
    }
