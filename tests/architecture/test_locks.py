"""The locks belong to what is asked for, without asking a registry: every requirement is pinned to
a version that satisfies it, every pin has hashes, and the locks agree with each other."""

import re
import shlex
import tomllib
from functools import cache

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.architecture.repository import ROOT

PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>[^\s;\\]+)", re.MULTILINE)
COMMAND = re.compile(r"^#\s+uv (?P<command>pip compile .*)$", re.MULTILINE)
LOCKS = {
    "requirements.lock": ("embedded",),
    "requirements-dev.lock": ("embedded", "dev"),
    "requirements-erp.lock": None,
}


@cache
def lock(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pins(name: str) -> dict[str, Version]:
    return {
        canonicalize_name(found["name"]): Version(found["version"])
        for found in PIN.finditer(lock(name))
    }


def wanted(name: str) -> list[Requirement]:
    """What the lock was made from."""
    extras = LOCKS[name]
    if extras is None:
        text = (ROOT / "requirements" / "erp.in").read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    else:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        lines = project["dependencies"] + [
            line for extra in extras for line in project["optional-dependencies"][extra]
        ]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_pinned_to_a_version_that_satisfies_it(name: str) -> None:
    pinned = pins(name)
    for requirement in wanted(name):
        version = pinned.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement} is not in {name}: run `make lock`"
        assert version in requirement.specifier, f"{requirement}: {name} has {version}"


@pytest.mark.parametrize("name", LOCKS)
def test_nothing_is_pinned_that_is_no_longer_asked_for(name: str) -> None:
    origin = "-r requirements/erp.in" if LOCKS[name] is None else "trueup (pyproject.toml)"
    asked = {canonicalize_name(requirement.name) for requirement in wanted(name)}
    direct = set()
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock(name)):
        if (found := PIN.match(block)) and origin in block:
            direct.add(canonicalize_name(found["name"]))
    assert direct == asked


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_its_hashes_and_no_address(name: str) -> None:
    blocks = [block for block in re.split(r"\n(?=[A-Za-z0-9])", lock(name)) if PIN.match(block)]
    assert len(blocks) >= len(pins(name)) > 20
    assert [block.split(" ")[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert re.search(r"https?://|--index|--find-links", lock(name)) is None


def test_development_runs_what_is_deployed() -> None:
    deployed, developed = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {name: developed.get(name) for name in deployed} == deployed


@pytest.mark.parametrize("name", LOCKS)
def test_make_lock_makes_it_by_the_command_it_names(name: str) -> None:
    found = COMMAND.search(lock(name))
    assert found is not None
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    common = re.search(r"^COMPILE := (.*)$", makefile, re.MULTILINE)
    made = re.search(
        rf"\$\(BIN\)/uv \$\(COMPILE\) (.* -o {re.escape(name)})$", makefile, re.MULTILINE
    )
    assert common is not None
    assert made is not None
    assert shlex.split(found["command"]) == shlex.split(f"{common[1]} {made[1]}")
