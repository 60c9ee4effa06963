"""Every metric that an alert, a panel or the manual names is one of ours, with these labels, and
every alert says what to do."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.metrics_core import Metric

import cli.api
import worker
from canonical_models.policy import NumbersPolicy
from connectors.governor import Governor
from operations import numbers
from persistence.metrics import Metrics
from persistence.numbers import Measured, Number
from runtime.metrics import connections_shown
from runtime.settings import load
from starter_api.metrics import Counts
from starter_api.numbers import Families
from tests.architecture.compose import services
from tests.architecture.repository import ROOT

RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
CONFIG = ROOT / "deploy" / "prometheus" / "prometheus.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "trueup.json"
#: What these two import registers what it counts.
PROGRAMS = (cli.api, worker)
#: A metric with its selector, and labels that are grouped by.
NAMED = re.compile(r"\b(?P<name>(?:trueup_\w+|up))\b(?:\{(?P<selector>[^}]*)\})?")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
GROUPED = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}


def families() -> Iterator[tuple[Metric, set[str]]]:
    """All that our processes show, with the names of their labels."""
    counts = {
        **{name: {"x": 1} for name in ("inbox", "changes", "outcomes", "exceptions", "dunning")},
        **{name: {"x": 1} for name in ("renewals", "documents", "invoices", "drifts")},
        **{name: {"x/y": 1} for name in ("effects", "targets")},
    }
    shown = Counts(Metrics(counts, 0.0, 0.0, 0, 0, (1.0,)))
    promises = {number: getattr(NumbersPolicy(), number.value) for number in Number}
    measures = {
        number: numbers.measure_of("30d", Measured(1, 1, 0, 1.0, 1.0), promise)
        for number, promise in promises.items()
    }
    told = Families({"30d": {"acme": measures}}, {"acme": promises})
    for family in (*shown.collect(), *told.collect()):
        yield family, {label for sample in family.samples for label in sample.labels}
    with connections_shown({("acme", "tryton"): Governor("tryton", patience=1, start=1)}):
        of_children = {
            collector._name: set(collector._labelnames)  # type: ignore[attr-defined] # they have no other way to say so
            for collector in {*REGISTRY._collector_to_names}
            if hasattr(collector, "_labelnames")
        }
        for family in REGISTRY.collect():
            if family.name.startswith("trueup_"):
                labels = {label for sample in family.samples for label in sample.labels}
                yield family, labels | of_children.get(family.name, set())


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    """Every series by name, with its labels; `up` is Prometheus's own."""
    found: dict[str, set[str]] = {"up": set()}
    for family, labels in families():
        for suffix in SUFFIXES[family.type]:
            found[family.name + suffix] = labels | ({"le"} if suffix == "_bucket" else set())
    return {name: labels | {"job", "instance"} for name, labels in found.items()}


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return list(group["rules"])


def panels() -> list[tuple[str, str]]:
    document = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return [
        (panel["title"], each["expr"]) for panel in document["panels"] for each in panel["targets"]
    ]


EXPRESSIONS = [(rule["alert"], rule["expr"]) for rule in rules()] + panels()


@pytest.mark.parametrize(("of", "expression"), EXPRESSIONS)
def test_an_expression_is_about_what_is_measured(
    known: dict[str, set[str]], of: str, expression: str
) -> None:
    found = list(NAMED.finditer(expression))
    assert found, of
    for match in found:
        assert match["name"] in known, f"{of}: nothing is called {match['name']}"
        asked = set(LABEL.findall(re.sub(r'"[^"]*"', '""', match["selector"] or "")))
        assert asked <= known[match["name"]], f"{of}: {match['name']} has no {asked}"
    grouped = {
        word.strip() for words in GROUPED.findall(expression) for word in words.split(",") if word
    }
    assert grouped <= set.union(*(known[match["name"]] for match in found)), of


def test_a_metric_that_is_not_there_is_noticed(known: dict[str, set[str]]) -> None:
    assert "trueup_number_burn" in known
    assert "trueup_vendor_request_seconds_bucket" in known
    assert "trueup_notifications_total" in known
    assert "trueup_notifications" not in known
    with pytest.raises(AssertionError, match="nothing is called trueup_none"):
        test_an_expression_is_about_what_is_measured(known, "x", "trueup_none > 1")
    with pytest.raises(AssertionError, match="has no"):
        test_an_expression_is_about_what_is_measured(known, "x", 'trueup_changes{owner="x"} > 1')


def test_the_manual_names_what_is_measured(known: dict[str, set[str]]) -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    names = set(re.findall(r"`(trueup_\w*[a-z])\b(?!\*)", text))
    series = names - known.keys()
    # A counter or histogram may be called by what it counts.
    short = {name for name in series if not {f"{name}_total", f"{name}_count"} & known.keys()}
    assert len(names) > 15
    assert short == set()


def test_every_alert_has_a_runbook_of_its_own() -> None:
    text = (ROOT / "docs" / "runbooks" / "alerts.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\w+)\n+(.+?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    assert set(sections) == {rule["alert"] for rule in rules()}
    for rule in rules():
        name = rule["alert"]
        assert rule["annotations"]["runbook"] == f"docs/runbooks/alerts.md#{name.lower()}"
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert re.search(r"\btrueup |docker |make ", sections[name]), f"{name} names no command"


def test_what_is_scraped_is_where_our_processes_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUEUP_DATABASE_DSN", "postgresql://nowhere")
    for name in ("STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET", "TRYTON_API_KEY", "TRYTON_PASSWORD"):
        monkeypatch.setenv(name, "x")
    settings = load(ROOT / "deploy" / "trueup.toml")
    jobs = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["scrape_configs"]
    targets = {job["static_configs"][0]["targets"][0] for job in jobs}
    assert targets == {
        f"api:{settings.api.metrics_port}",
        f"worker:{settings.worker.metrics_port}",
    }
    assert {target.partition(":")[0] for target in targets} <= set(services())


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus's own tool is not here")
def test_prometheus_understands_every_expression(tmp_path: Path) -> None:
    drawn = [
        {"record": f"panel:{number}", "expr": expression.replace("$tenant", ".*")}
        for number, (_, expression) in enumerate(panels())
    ]
    recorded = tmp_path / "panels.yml"
    recorded.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": drawn}]}))
    for file in (RULES, recorded):
        told = subprocess.run(
            ["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False
        )
        assert told.returncode == 0, told.stdout + told.stderr
