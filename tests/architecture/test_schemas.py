"""Published event versions: exported, committed, and never broken for a consumer."""

import json
from pathlib import Path
from typing import Any

import pytest

from canonical_models import schemas
from canonical_models.schemas import breaks, exported, main

OBJECT: dict[str, Any] = {
    "type": "object",
    "required": ["number"],
    "properties": {"number": {"type": "string"}, "note": {"type": "string", "format": "date"}},
    "$defs": {"Money": {"type": "object", "required": ["minor"], "properties": {"minor": {}}}},
}


def changed(**changes: Any) -> dict[str, Any]:
    return {**json.loads(json.dumps(OBJECT)), **changes}


def without(name: str) -> dict[str, Any]:
    properties = {key: value for key, value in OBJECT["properties"].items() if key != name}
    return changed(properties=properties)


def test_the_committed_schemas_are_those_of_the_models() -> None:
    assert main(["--check"]) == 0


def test_an_added_property_breaks_nobody() -> None:
    added = changed(properties={**OBJECT["properties"], "more": {"type": "integer"}})
    assert breaks(OBJECT, added) == []
    assert breaks(OBJECT, changed(required=["number", "note"])) == []


def test_what_is_published_lets_pass_what_is_added_and_what_refuses_it_is_not_added_to() -> None:
    for name, schema in exported().items():
        assert '"additionalProperties": false' not in json.dumps(schema), name
    closed = changed(additionalProperties=False)
    added = changed(properties={**OBJECT["properties"], "more": {"type": "integer"}})
    by_name = {"type": "object", "additionalProperties": {"type": "integer"}}
    assert breaks(by_name, by_name) == []
    assert len(breaks(by_name, {"type": "object", "additionalProperties": {"type": "string"}})) == 1
    assert breaks(closed, added) == ["$.more: was added, and is refused by whoever checks by it"]


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (without("note"), "$.note: was removed"),
        (changed(required=[]), "$.number: is no longer promised"),
        (
            changed(properties={**OBJECT["properties"], "number": {"type": "integer"}}),
            "$.number: type was string, is integer",
        ),
        (
            changed(properties={**OBJECT["properties"], "note": {"type": "string"}}),
            "$.note: format was date, is None",
        ),
        (changed(**{"$defs": {}}), "$defs.Money.minor: was removed"),
        (
            changed(
                properties={**OBJECT["properties"], "number": {"type": "string", "pattern": "x"}}
            ),
            "$.number: pattern was None, is x",
        ),
    ],
)
def test_what_a_consumer_relied_on_is_reported(now: dict[str, Any], why: str) -> None:
    assert why in breaks(OBJECT, now)


@pytest.mark.parametrize("name", sorted(exported()))
def test_every_published_schema_would_miss_each_property(name: str) -> None:
    published = exported()[name]
    for gone in published["properties"]:
        rest = {key: value for key, value in published["properties"].items() if key != gone}
        assert f"$.{gone}: was removed" in breaks(published, {**published, "properties": rest})


def test_the_check_refuses_a_break_a_stale_export_and_a_lost_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(schemas, "FOLDER", tmp_path)
    assert main([]) == 0
    assert main(["--check"]) == 0
    published = tmp_path / "invoice.posted.v1.json"
    wider = json.loads(published.read_text(encoding="utf-8"))
    wider["properties"]["promised_once"] = {"type": "string"}
    published.write_text(json.dumps(wider), encoding="utf-8")
    (tmp_path / "event.json").write_text((tmp_path / "event.json").read_text() + "\n")
    (tmp_path / "invoice.voided.v1.json").write_text("{}")
    (tmp_path / "sync.completed.v1.json").unlink()
    assert main(["--check"]) == 1
    said = capsys.readouterr().err
    assert "invoice.posted.v1.json $.promised_once: was removed" in said
    assert "event.json: out of date" in said
    assert "invoice.voided.v1.json: a published version was taken away" in said
    assert "sync.completed.v1.json: not exported" in said


def test_what_was_released_stays_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(schemas, "FOLDER", tmp_path)
    assert main([]) == main(["--release", "0.1.0"]) == main(["--check"]) == 0
    released = tmp_path / "0.1.0" / "invoice.posted.v1.json"
    wider = json.loads(released.read_text(encoding="utf-8"))
    wider["properties"]["promised_once"] = {"type": "string"}
    released.write_text(json.dumps(wider), encoding="utf-8")
    # Writing anew what is published now does not help.
    assert main([]) == 0
    assert main(["--check"]) == 1
    said = capsys.readouterr().err
    assert "0.1.0/invoice.posted.v1.json $.promised_once: was removed: a released version" in said
