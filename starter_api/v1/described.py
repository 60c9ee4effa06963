"""What OpenAPI says of an operation beyond its parameters: answers, problems, examples."""

from typing import Any

from pydantic import BaseModel, Field

from canonical_models.base import Canonical


class Problem(Canonical):
    """RFC 9457. `code` is stable, `detail` says what failed, `remedy` what to do next."""

    type: str = Field(examples=["urn:trueup:problem:not-found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    code: str = Field(examples=["not-found"])
    detail: str = Field(examples=["there is no change chg_01"])
    remedy: str | None = Field(default=None, examples=["list them"])
    see: str | None = Field(default=None, examples=["/v1/changes"])
    facts: dict[str, Any] | None = Field(default=None, examples=[{"action": "retry", "by": "desk"}])


_WORDS = {
    400: "The body is not JSON.",
    401: "No API key, or one that is not known.",
    403: "The API key lacks the scope of this operation.",
    404: "The tenant has no such object.",
    409: "The object is not in a state in which this can be done.",
    413: "The body is too large.",
    415: "The body is not announced as JSON.",
    422: "Parameters or body do not fit; `errors` says where, and never repeats what was sent.",
    503: "A system that this needs does not answer; nothing is known to have changed.",
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
    for status in sorted({401, 403, 422, 503, *problems}):
        found[status] = {
            "description": _WORDS[status],
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            },
        }
    return found


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
