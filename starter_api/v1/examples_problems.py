"""Examples for OpenAPI of what is refused, by status."""

from typing import Any

from starter_api.problems import problem_of

PROBLEMS: dict[int, dict[str, Any]] = {
    400: problem_of(
        400,
        "not-json",
        "the body is not JSON in UTF-8 (character 1)",
        remedy="send what /openapi.json shows for this operation",
    ),
    401: problem_of(
        401,
        "unauthorized",
        "no API key was sent",
        remedy="send the header `Authorization: Bearer tu_…`",
    ),
    403: problem_of(
        403,
        "forbidden",
        "this API key may not set account and item mappings",
        remedy="use a key that has the scope mappings:write",
        scope="mappings:write",
    ),
    404: problem_of(
        404,
        "not-found",
        "there is no change chg_01",
        remedy="list them",
        see="/v1/changes",
    ),
    409: problem_of(
        409,
        "conflict",
        "change chg_01 is settled",
        remedy="look at it again: it may have gone on",
    ),
    412: problem_of(
        412,
        "changed-meanwhile",
        "it has changed since it was looked at",
        remedy="look at it again, and send what is to be done with the new ETag",
        see="/v1/changes/chg_01",
    ),
    413: problem_of(
        413,
        "body-too-large",
        "a body may have 65536 bytes",
        remedy="send what /openapi.json shows for this operation",
    ),
    415: problem_of(
        415,
        "unsupported-media-type",
        "send the body with content-type application/json",
        remedy="send what /openapi.json shows for this operation",
    ),
    422: problem_of(
        422,
        "invalid-request",
        "the request does not fit; `errors` says where",
        errors=[
            {
                "at": "query.limit",
                "code": "less_than_equal",
                "message": "Input should be less than or equal to 200",
            }
        ],
    ),
    429: problem_of(
        429,
        "too-many-requests",
        "this API key may send 6000 requests a minute",
        remedy="send it again in 17 seconds",
    ),
    503: problem_of(
        503,
        "unavailable",
        "the database does not answer",
        remedy="nothing is known to have changed; ask again in a few seconds",
    ),
}
