"""The JSON Schemas of every published event version, and what may change in them.

python -m canonical_models.schemas            writes schemas/
python -m canonical_models.schemas --check    exits 1 if they differ, or break a consumer of these
                                              or of a release (schemas/<version>/)
python -m canonical_models.schemas --release 0.1.0    keeps them as those of the release
"""

import json
import sys
from pathlib import Path
from typing import Any

from canonical_models.events import NAMESPACE, TYPES, Event

FOLDER = Path(__file__).resolve().parent.parent / "schemas"

Schema = dict[str, Any]

#: What says which values there may be.
_COMPARED = (
    *("type", "$ref", "anyOf", "oneOf", "allOf", "format", "enum", "const", "items", "prefixItems"),
    *("pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems"),
)


def exported() -> dict[str, Schema]:
    """File name to schema: the envelope, and the data of every type."""
    envelope = Event.model_json_schema(mode="serialization")
    schemas = {"event.json": _opened(envelope)}
    for kind, model in TYPES.items():
        schema = _opened(model.model_json_schema(mode="serialization"))
        schemas[f"{kind}.json"] = {"$id": f"{NAMESPACE}.{kind}", **schema}
    return schemas


def _opened(schema: Schema) -> Schema:
    """A property may be added: whoever checks by it lets pass what it does not know."""
    opened = {
        name: value
        for name, value in schema.items()
        if name != "additionalProperties" or value is not False
    }
    if "$defs" in opened:
        opened["$defs"] = {name: _opened(one) for name, one in opened["$defs"].items()}
    return opened


def breaks(published: Schema, now: Schema, path: str = "$") -> list[str]:
    """Why a reader of `published` could no longer read what `now` describes; empty if it can.

    An added property is no break, unless `published` refuses what it does not know; a removed or
    retyped one is, one that may be missing where it was promised, and a value that was not allowed.
    """
    found = [
        f"{path}.{name}: is no longer promised"
        for name in published.get("required", [])
        if name not in now.get("required", [])
    ]
    for name, schema in published.get("properties", {}).items():
        where = f"{path}.{name}"
        if name not in now.get("properties", {}):
            found.append(f"{where}: was removed")
        else:
            found += breaks(schema, now["properties"][name], where)
    if published.get("additionalProperties") is False:
        found += [
            f"{path}.{name}: was added, and is refused by whoever checks by it"
            for name in now.get("properties", {})
            if name not in published.get("properties", {})
        ]
    for keyword in _COMPARED:
        if published.get(keyword) != now.get(keyword):
            found.append(f"{path}: {keyword} was {published.get(keyword)}, is {now.get(keyword)}")
    # Of what is told by name, such as features: the kind of value.
    values = [schema.get("additionalProperties") for schema in (published, now)]
    if isinstance(values[0], dict) and values[0] != values[1]:
        found.append(f"{path}: values were {values[0]}, are {values[1]}")
    for name, schema in published.get("$defs", {}).items():
        found += breaks(schema, now.get("$defs", {}).get(name, {}), f"$defs.{name}")
    return found


def main(arguments: list[str]) -> int:
    schemas = exported()
    if "--check" not in arguments:
        folder = FOLDER / arguments[1] if arguments[:1] == ["--release"] else FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        for name, schema in schemas.items():
            (folder / name).write_text(_text(schema), encoding="utf-8")
        return 0
    problems = [
        f"{file.parent.name}/{file.name} {why}: a released version is never changed, add a new one"
        for file in sorted(FOLDER.glob("*/*.json"))
        for why in breaks(json.loads(file.read_text(encoding="utf-8")), schemas.get(file.name, {}))
    ]
    for file in sorted(FOLDER.glob("*.json")):
        published = json.loads(file.read_text(encoding="utf-8"))
        if file.name not in schemas:
            problems.append(f"{file.name}: a published version was taken away")
        elif file.read_text(encoding="utf-8") != _text(schemas[file.name]):
            problems += [f"{file.name} {why}" for why in breaks(published, schemas[file.name])] or [
                f"{file.name}: out of date, run `make schemas`"
            ]
    problems += [
        f"{name}: not exported, run `make schemas`"
        for name in schemas
        if not (FOLDER / name).exists()
    ]
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


def _text(schema: Schema) -> str:
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
