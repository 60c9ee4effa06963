"""What the OpenAPI document says, held against what is there."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from jsonschema import Draft202012Validator, FormatChecker

Example = tuple[str, dict[str, Any], Any]


class Described:
    """The document of an application. `app` is the same for all tests."""

    def __init__(self, app: FastAPI) -> None:
        self._document = app.openapi()
        self._routes = [
            (found.path_regex, found.path, method.lower())
            for found in iter_route_contexts(app.routes)
            for method in found.methods or ()
            if found.path in self._document["paths"]
        ]

    def misfits(self, schema: dict[str, Any], value: object) -> list[str]:
        whole = {**schema, "components": self._document["components"]}
        found = Draft202012Validator(whole, format_checker=FormatChecker()).iter_errors(value)
        return [f"{[*error.absolute_path]}: {error.message[:200]}" for error in found]

    def holds(self, answer: httpx.Response) -> None:
        """An answer of an operation is of a status that the document names, and fits."""
        asked = answer.request
        operation = self._operation(asked.method, asked.url.path)
        if operation is None:
            return
        where = f"{asked.method} {asked.url.path} {answer.status_code}"
        described = operation["responses"].get(str(answer.status_code))
        assert described is not None, f"{where} is not described: {answer.text}"
        for name, header in described.get("headers", {}).items():
            assert name in answer.headers, f"{where} without {name}: {header}"
        media = answer.headers.get("content-type", "")
        if not answer.content:
            assert "content" not in described, where
            return
        assert media in described["content"], f"{where} as {media}"
        misfits = self.misfits(described["content"][media]["schema"], answer.json())
        assert not misfits, f"{where}: {misfits}"

    def examples(self) -> Iterator[Example]:
        """Every one, with where it stands and its schema."""
        for path, operations in self._document["paths"].items():
            for method, operation in operations.items():
                where = f"{method} {path}"
                asked = operation.get("requestBody", {})
                for status, answer in {"body": asked, **operation["responses"]}.items():
                    for content in answer.get("content", {}).values():
                        given = [each["value"] for each in content.get("examples", {}).values()]
                        given += [content["example"]] if "example" in content else []
                        assert given, f"{where} {status} has no example"
                        yield from ((f"{where} {status}", content["schema"], it) for it in given)
                for parameter in operation.get("parameters", ()):
                    for given in parameter["schema"].get("examples", ()):
                        yield f"{where} {parameter['name']}", parameter["schema"], given
        for name, schema in self._document["components"]["schemas"].items():
            for field, described in schema.get("properties", {}).items():
                for given in described.get("examples", ()):
                    yield f"{name}.{field}", described, given

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        for regex, described, its in self._routes:
            if its == method.lower() and regex.match(path):
                found: dict[str, Any] = self._document["paths"][described][its]
                return found
        return None


described = cache(Described)
