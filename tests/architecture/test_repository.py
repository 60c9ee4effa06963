"""The documentation speaks of what exists: targets, commands, files, settings, decisions."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from typing import get_args

import pytest
import typer
from pydantic import BaseModel
from typer.core import TyperGroup

from canonical_models.failures import RejectionCode
from canonical_models.policy import (
    ApprovalRule,
    BooksPolicy,
    CashPolicy,
    DocumentRule,
    DunningPolicy,
    EntityBooks,
    NumbersPolicy,
    PartyTaxRules,
    Promise,
    ReleasePolicy,
    ReleaseRule,
    TaxCodeRule,
)
from cli.main import app
from runtime.settings import ConnectionSettings, OidcSettings, Settings, TenantSettings
from tests.architecture.repository import ROOT, files, named, texts

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md", "docs/**/*.md")
LINK = re.compile(r"\]\((?!https?://|#)(?P<target>[^)#\s]+)\)")
BLOCK = re.compile(r"```(?:sh)\n(?P<lines>.*?)```", re.DOTALL)
INLINE = re.compile(r"`(?P<words>(?:make|trueup) [^`]+)`")

#: Settings that a heading of the manual is about: there their entries go by their own names.
BY_ITSELF: dict[type[BaseModel], str] = {
    ConnectionSettings: "Tenants",
    TenantSettings: "Tenants",
    BooksPolicy: "Books",
    EntityBooks: "Books",
    ApprovalRule: "Approvals",
    ReleasePolicy: "Releases",
    ReleaseRule: "Releases",
    TaxCodeRule: "Tax codes",
    PartyTaxRules: "Tax rules of parties",
    DocumentRule: "Rules",
    CashPolicy: "Payouts",
    OidcSettings: "People",
    NumbersPolicy: "Numbers",
    Promise: "Numbers",
}


def documents() -> dict[str, str]:
    return texts(*DOCUMENTS)


def commands(program: str) -> set[tuple[str, ...]]:
    """Every call of the program in the documentation, as words, comments left out."""
    found = set()
    for text in documents().values():
        lines = [line for block in BLOCK.finditer(text) for line in block["lines"].splitlines()]
        lines += [match["words"] for match in INLINE.finditer(text)]
        for line in lines:
            words = shlex.split(line, comments=True)
            if words[:1] == [program]:
                found.add(tuple(words[1:]))
    return found


def test_every_make_target_in_the_documentation_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    asked = {word for words in commands("make") for word in words if word.islower()}
    assert {"demo", "up", "down", "check", "test", "lock"} <= asked
    assert asked - targets == set()


def test_every_public_target_explains_itself_and_is_phony() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", makefile, re.MULTILINE)
    assert phony is not None
    declared = set(phony[1].replace("\\\n", " ").split())
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert targets <= declared
    helped = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for target in ("setup", "demo", "test", "check", "bench", "lock"):
        assert re.search(rf"^  {target}\s+\S", helped, re.MULTILINE), target


def test_ci_runs_what_must_hold() -> None:
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.findall(r"^part (?:env \S+ )?make (\S+)", text, re.MULTILINE) == [
        "setup",
        "check",
        "test",
        "browser",
        "rt",
        "demo",
        "test-slow",
        "campaign",
        "faults",
    ]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    assert subprocess.run(["bash", "-n", ".ci/run"], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("words", sorted(commands("trueup")), ids=" ".join)
def test_every_command_in_the_documentation_is_one(words: tuple[str, ...]) -> None:
    """Its group, its name and its options; the values are examples."""
    command, takes_value = typer.main.get_command(app), False
    for word in words:
        if word.startswith("-"):
            known = {option: each for each in command.params for option in each.opts}
            assert word in {*known, "--help"}, f"{command.name} has no {word}"
            takes_value = word in known and not getattr(known[word], "is_flag", False)
        elif takes_value:
            takes_value = False
        elif isinstance(command, TyperGroup):
            found = command.get_command(typer.Context(command), word)
            assert found is not None, f"{command.name or 'trueup'} has no {word}"
            command = found


def test_every_link_leads_to_a_file() -> None:
    broken = [
        f"{name}: {target}"
        for name, text in documents().items()
        for target in LINK.findall(text)
        if not (ROOT / name).parent.joinpath(target).exists()
    ]
    assert broken == []


def test_every_decision_is_listed_and_cites_files_that_exist() -> None:
    pages = [path for path in files("docs/adr/*.md") if path.name != "README.md"]
    listed = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")
    assert [int(path.name[:4]) for path in pages] == list(range(1, len(pages) + 1))
    for path in pages:
        assert f"]({path.name})" in listed, path.name
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {int(path.name[:4])}. "), path.name
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences", "Where"], path.name
        cited = re.findall(r"^- `(.+)`$", text.rpartition("## Where")[2], re.MULTILINE)
        assert len(cited) >= 2, path.name
        assert [file for file in cited if not (ROOT / file).exists()] == [], path.name


def test_every_setting_is_explained() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    found = list(entries(Settings))
    assert {(DunningPolicy, "policy.dunning.items"), (TaxCodeRule, "valid_from")} <= {
        (model, name) for model, name, _ in found
    }
    for model, name, is_table in found:
        # A table is explained by what is in it; somewhere its name has to stand all the same.
        heading = None if is_table else BY_ITSELF.get(model)
        pattern = rf"[`.\[]{re.escape(name)}[`.\]]" if is_table else rf"`{re.escape(name)}`"
        place = text if heading is None else section(text, heading)
        assert re.search(pattern, place), f"{model.__name__}: {name}, under {heading or 'anything'}"


def entries(model: type[BaseModel], path: str = "") -> Iterator[tuple[type[BaseModel], str, bool]]:
    """Every entry that a file may have, however deep: the model that has it, its name as the manual
    writes it, and whether other entries are in it."""
    for name, field in model.model_fields.items():
        if (model, name) == (Settings, "folder"):
            # Where the file is, which nobody writes into it.
            continue
        own = name if model in BY_ITSELF else f"{path}{name}"
        below = models_in(field.annotation)
        yield model, own, bool(below)
        for nested in below:
            yield from entries(nested, f"{own}.")


def models_in(annotation: object) -> list[type[BaseModel]]:
    """The models that a value of this type holds, alone or many."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for inner in get_args(annotation) for found in models_in(inner)]


def section(text: str, heading: str) -> str:
    """From the heading to the next of any depth."""
    start = re.search(rf"^#+ {re.escape(heading)}$", text, re.MULTILINE)
    assert start is not None, f"docs/configuration.md has no heading {heading}"
    return re.split(r"^#", text[start.end() :], maxsplit=1, flags=re.MULTILINE)[0]


def test_the_causes_in_the_manual_are_causes() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = text.partition("| cause | owner |")[2].partition("\n\n")[0]
    words = set(re.findall(r"`([a-z]+_[a-z_]+)`", table)) - {
        "contract_drift",
        "saga_lost",
        "vendor_away",
        "contract_changed",
    }
    assert words <= {code.value for code in RejectionCode}
    assert len(words) > 5


def test_the_license_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_layout_table_names_every_package() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    packages = {path.parent for path in files("*/__init__.py") if path.parent.parent == ROOT}
    for package in packages - {ROOT / "tests", ROOT / "benchmarks"}:
        assert f"`{named(package)}/`" in readme, package.name
