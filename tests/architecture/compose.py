"""docker-compose.yml as `docker compose` reads it: variables put in, merges resolved."""

import re
from functools import cache
from typing import Any

import yaml

from tests.architecture.repository import ROOT

#: What stands for every secret of .env.example.
GIVEN = "given"

#: A duration as the Compose specification writes it.
DURATION = re.compile(r"(?:\d+h)?(?:\d+m)?(?:\d+s)?(?:\d+ms)?")

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?P<kind>:-|:\?)(?P<text>[^}]*)\}")


@cache
def source() -> str:
    return (ROOT / "docker-compose.yml").read_text(encoding="utf-8")


@cache
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(
        _VARIABLE.sub(
            lambda found: found["text"] if found["kind"] == ":-" else GIVEN,
            source(),
        )
    )
    return loaded


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = document()["services"]
    return found


def ours() -> dict[str, dict[str, Any]]:
    """The services that run our own image."""
    return {name: service for name, service in services().items() if "build" in service}


def required_variables() -> set[str]:
    """Those without which `docker compose` refuses to start."""
    return {found["name"] for found in _VARIABLE.finditer(source()) if found["kind"] == ":?"}


def environment() -> dict[str, str]:
    """What our services see."""
    given = {name: str(value) for name, value in ours()["worker"]["environment"].items()}
    assert all(service["environment"] == given for service in ours().values())
    return given
