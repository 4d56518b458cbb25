"""The samples of ``deploy/monitoring`` and the page about it, against what exists."""

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from clientflow_core.registry.lifecycle import ProviderState
from clientflow_host import metrics
from clientflow_host.routes.health import OPERATIONS

ROOT: Final = Path(__file__).parent.parent
FOLDER: Final = ROOT / "deploy" / "monitoring"
PAGE: Final = ROOT / "docs" / "monitoring.md"
NAME: Final = re.compile(r"\b((?:clientflow|process|python)_[a-z_]+|up|probe_success)\b(?!\s*\()")
SELECTOR: Final = re.compile(r"\b([a-z_]+)\{([^}]*)\}")
MATCHER: Final = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
GROUPING: Final = re.compile(r"\bby \(([^)]*)\)")
# What Prometheus and the blackbox exporter add.
THEIRS: Final = {"up": set[str](), "probe_success": set[str]()}
ADDED: Final = {"job", "instance", "le"}
STATES: Final = {state.value.replace(" ", "_") for state in ProviderState} | {"quarantined"}
# Of the labels whose values are ours, what they can be.
VALUES: Final = {
    "state": STATES,
    "status": {"2xx", "3xx", "4xx", "5xx"},
    "name": {"database", "worker", "redis"},
    "job": {"clientflow-serve", "clientflow-worker", "clientflow-health", "clientflow-ready"},
}


def ours() -> Mapping[str, set[str]]:
    """Give every metric of ours as Prometheus names it, with its labels."""
    ends = {"counter": "_total", "info": "_info"}
    return {
        one._name + ends.get(str(one._type), ""): set(one._labelnames)
        | ({"release"} if one._type == "info" else set())
        for one in vars(metrics).values()
        if isinstance(one, MetricWrapperBase)
    }


def known() -> Mapping[str, set[str]]:
    """Give every metric that there is, with its labels."""
    of_client = {
        sample.name: set(sample.labels)
        for family in REGISTRY.collect()
        for sample in family.samples
    }
    parts = {
        name + part: labels
        for name, labels in ours().items()
        for part in ("_bucket", "_count", "_sum")
        if name.endswith("_seconds") and name != "clientflow_job_lag_seconds"
    }
    return {**of_client, **ours(), **parts, **THEIRS}


def rules() -> list[Any]:
    """Give every alert rule."""
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[Any]:
    """Give every panel of the dashboard."""
    found: list[Any] = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))["panels"]
    return found


def faults_of(expression: str) -> Iterator[str]:
    """Give a sentence for each thing in *expression* that does not exist."""
    used = set(NAME.findall(GROUPING.sub("", expression)))
    for name in used - set(known()):
        yield f"no metric {name}"
    if not used:
        yield "no metric at all"
    labels = ADDED | {label for name in used for label in known().get(name, ())}
    for name, inside in SELECTOR.findall(expression):
        for label, operator, value in MATCHER.findall(inside):
            if label not in ADDED | known().get(name, set()):
                yield f"{name} has no label {label}"
            if operator in {"=", "=~"} and label in VALUES and not _fits(value, VALUES[label]):
                yield f"{label} is never {value}"
    for grouped in itertools.chain(*(one.split(",") for one in GROUPING.findall(expression))):
        if grouped.strip() not in labels:
            yield f"nothing has a label {grouped.strip()}"


def _fits(pattern: str, values: set[str]) -> bool:
    """Whether each branch of *pattern* is one of *values*."""
    branches = re.sub(r"\((.*)\)", r"\1", pattern).split("|") if "(" not in pattern else [pattern]
    return all(any(re.fullmatch(branch, value) for value in values) for branch in branches)


def read_table() -> Mapping[str, set[str]]:
    """Read from the page each metric with its labels."""
    rows = re.findall(
        r"^\| `(clientflow_\w+)` \| ([^|]*) \|", PAGE.read_text("utf-8"), re.MULTILINE
    )
    return {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}


@pytest.mark.proves("FO1")
@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_alert_looks_at_metrics_that_exist_and_says_what_to_do(rule: Any) -> None:
    assert list(faults_of(rule["expr"])) == []
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary", "action"}
    labels = {label for name in NAME.findall(rule["expr"]) for label in known()[name]}
    shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    assert shown <= labels | ADDED


@pytest.mark.proves("FO1")
def test_every_dependency_and_every_way_to_fail_has_an_alert() -> None:
    told = "\n".join(rule["expr"] for rule in rules())
    for name in VALUES["name"]:
        assert f'name="{name}"' in told
    for state in STATES - {"ready", "not_opened"}:
        assert state in told
    assert len({rule["alert"] for rule in rules()}) == len(rules())


@pytest.mark.proves("FO1")
@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_panel_of_the_dashboard_shows_metrics_that_exist(panel: Any) -> None:
    for target in panel["targets"]:
        assert list(faults_of(target["expr"])) == []
        shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        labels = {label for name in NAME.findall(target["expr"]) for label in known().get(name, ())}
        assert shown <= labels | ADDED


def test_every_metric_of_ours_is_on_the_page_with_its_labels() -> None:
    assert read_table() == ours()


def test_every_metric_of_ours_is_watched_by_somebody() -> None:
    told = "\n".join(
        [rule["expr"] for rule in rules()]
        + [target["expr"] for panel in panels() for target in panel["targets"]]
    )
    assert [name for name in ours() if name not in told] == []


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("clientflow_nothing == 1", "no metric clientflow_nothing"),
        ('clientflow_dead_jobs{queue="x"} > 0', "clientflow_dead_jobs has no label queue"),
        ('clientflow_provider_state{state="broken"} == 1', "state is never broken"),
        ("sum by (nobody) (clientflow_dead_jobs)", "nothing has a label nobody"),
        ("1 > 0", "no metric at all"),
    ],
)
def test_what_does_not_exist_would_be_noticed(expression: str, fault: str) -> None:
    assert list(faults_of(expression)) == [fault]


@pytest.mark.proves("MH1", "MH2")
def test_every_process_and_every_probe_is_scraped() -> None:
    config = yaml.safe_load((FOLDER / "prometheus.yaml").read_text("utf-8"))
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert set(jobs) == VALUES["job"]
    assert config["rule_files"] == ["alerts.yaml"]
    modules = yaml.safe_load((FOLDER / "uptime.yaml").read_text("utf-8"))["modules"]
    for name in ("health", "ready"):
        job = jobs[f"clientflow-{name}"]
        assert job["params"]["module"] == [f"clientflow_{name}"]
        assert set(job["params"]["module"]) <= set(modules)
        [address] = job["static_configs"][0]["targets"]
        assert address.endswith(f"/{name}")
    served = {operation.path for operation in OPERATIONS}
    assert {"/health", "/ready", "/metrics"} <= served


@pytest.mark.proves("MH1", "MH2")
@pytest.mark.parametrize(
    ("module", "good", "bad"),
    [
        ("clientflow_health", ['{"status":"ok"}'], ["{}", "<html>"]),
        (
            "clientflow_ready",
            ['{"status":"ok","checks":{}}', '{"status": "degraded"}'],
            ['{"status":"unavailable"}'],
        ),
    ],
)
def test_monitor_knows_the_answers_that_are_given(
    module: str, good: list[str], bad: list[str]
) -> None:
    http = yaml.safe_load((FOLDER / "uptime.yaml").read_text("utf-8"))["modules"][module]["http"]
    assert http["valid_status_codes"] == [200]
    [pattern] = http["fail_if_body_not_matches_regexp"]
    assert all(re.search(pattern, body) for body in good)
    assert not any(re.search(pattern, body) for body in bad)


@pytest.mark.proves("ML2")
def test_shipper_takes_each_line_and_names_fields_that_are_written() -> None:
    config = yaml.safe_load((FOLDER / "vector.yaml").read_text("utf-8"))
    [sink] = config["sinks"].values()
    parts = {**config["sources"], **config["transforms"]}
    assert set(sink["inputs"]) <= set(parts)
    for transform in config["transforms"].values():
        assert set(transform["inputs"]) <= set(parts)
    shown = [*sink["labels"].values(), *sink["structured_metadata"].values()]
    fields = {name for one in shown for name in re.findall(r"\{\{ (\w+) \}\}", one)}
    [line] = re.findall(r"^\{.*\}$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert fields <= set(json.loads(line))
