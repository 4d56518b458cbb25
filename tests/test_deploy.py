"""What is shipped for a deployment: it can be read, and speaks of what there is."""

import configparser
import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from clientflow_core.settings import setting_fields
from clientflow_host.edge_settings import EdgeSettings
from clientflow_host.repository_settings import RepositorySettings
from clientflow_host.settings import HostSettings

ROOT: Final = Path(__file__).parent.parent
DEPLOY: Final = ROOT / "deploy"
WORKFLOWS: Final = ROOT / ".github" / "workflows"
SHIPPED: Final = sorted(
    file
    for file in (*DEPLOY.rglob("*"), *(ROOT / ".github").rglob("*"))
    if file.is_file() and "monitoring" not in file.parts
)
# With quotes and commas between, as in ["clientflow", "serve"].
_COMMAND: Final = re.compile(r"(?:^|[ /\[\"=])clientflow[\", ]+([a-z]+)\b", re.MULTILINE)
_SETTING: Final = re.compile(r"\b(?:CLIENTFLOW_[A-Z_]+|DATABASE_URL|REDIS_URL)\b")
_NAMED: Final = r"(?i)(password|token|secret|_key)[\"']?\s*[:=]\s*[\"']?"
_SECRET: Final = re.compile(_NAMED + r"(?!\$|\{)\S{8,}")
COMMANDS: Final = {"serve", "worker", "migrate", "smoke"}


def workflow(name: str) -> Any:
    return yaml.safe_load((WORKFLOWS / name).read_text("utf-8"))


def steps(job: Any) -> str:
    return "\n".join(f"{step.get('run', '')} {step.get('env', '')}" for step in job["steps"])


@pytest.mark.proves("DA1")
def test_files_for_render_and_fly_and_systemd_are_there_and_can_be_read() -> None:
    render = yaml.safe_load((DEPLOY / "render.yaml").read_text("utf-8"))
    kinds = [(one["type"], one.get("dockerCommand")) for one in render["services"]]
    assert kinds[:2] == [("web", "clientflow serve"), ("worker", "clientflow worker")]
    fly = tomllib.loads((DEPLOY / "fly.toml").read_text("utf-8"))
    assert fly["processes"] == {"serve": "clientflow serve", "worker": "clientflow worker"}
    assert fly["http_service"]["checks"][0]["path"] == "/ready"
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    assert {"migrate", "serve", "worker"} <= set(compose["services"])
    for name in ("serve", "worker"):
        unit = configparser.ConfigParser(strict=False)
        unit.optionxform = str  # type: ignore[assignment,method-assign]  # keys as they are
        unit.read_string((DEPLOY / "systemd" / f"clientflow-{name}.service").read_text("utf-8"))
        assert unit["Service"]["ExecStart"].endswith(f"clientflow {name}")
        assert int(unit["Service"]["TimeoutStopSec"]) > 10, "a process may take ten seconds to stop"
        assert unit["Service"]["User"] != "root"


@pytest.mark.proves("DA1")
def test_image_is_made_by_hashes_and_is_not_run_by_root() -> None:
    lines = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert "--require-hashes" in lines
    user = re.findall(r"^USER (\S+)", lines, re.MULTILINE)
    assert user == ["clientflow"]
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", lines, re.MULTILINE):
        for name in copied.split():
            assert (ROOT / name).exists(), name
            assert f"!{name}" in ignored, f"{name} is not sent to the builder"


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_files_name_only_commands_and_settings_that_there_are(file: Path) -> None:
    text = file.read_text("utf-8")
    groups = (HostSettings, EdgeSettings, RepositorySettings)
    known = {field.setting.env for group in groups for field in setting_fields(group)}
    assert set(_SETTING.findall(text)) <= known
    assert set(_COMMAND.findall(text)) <= COMMANDS


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_no_secret_stands_in_a_file(file: Path) -> None:
    for line in file.read_text("utf-8").splitlines():
        assert not _SECRET.search(line.partition("#")[0]), line


@pytest.mark.proves("CG1")
def test_workflow_of_the_tests_runs_what_is_run_here() -> None:
    job = workflow("ci.yml")["jobs"]["test"]
    assert ".ci/run" in steps(job)
    assert job["timeout-minutes"] <= 60


@pytest.mark.proves("CG2", "CG3", "CG4", "CG5", "CG6")
def test_deployment_migrates_then_rolls_out_then_tries() -> None:
    deploy = workflow("deploy.yml")
    # YAML 1.1 reads the key "on" as true.
    assert deploy[True]["workflow_run"]["branches"] == ["main"]
    jobs = deploy["jobs"]
    assert "src" in steps(jobs["changes"])
    assert jobs["image"]["needs"] == "changes"
    assert jobs["migrate"]["needs"] == "image"
    assert "clientflow migrate" in steps(jobs["migrate"])
    for name, process in (("api-and-web", "serve"), ("worker", "worker")):
        assert jobs[name]["needs"] == "migrate"
        assert f"'PROCESS': '{process}'" in steps(jobs[name])
    assert set(jobs["smoke"]["needs"]) == {"api-and-web", "worker"}
    assert "clientflow smoke --url" in steps(jobs["smoke"])


@pytest.mark.parametrize("file", sorted(WORKFLOWS.glob("*.yml")), ids=lambda file: file.name)
def test_workflows_may_do_no_more_than_they_need(file: Path) -> None:
    read = workflow(file.name)
    assert read["permissions"] == {"contents": "read"}
    text = file.read_text("utf-8")
    for name in re.findall(r"secrets\.([A-Z_]+)", text):
        assert name in {"GITHUB_TOKEN", "FLY_API_TOKEN"} or _SETTING.fullmatch(name)
    for job in read["jobs"].values():
        assert "timeout-minutes" in job
        for step in job["steps"]:
            # What others write (a title, a branch) would be run as code.
            assert "${{" not in step.get("run", "")
            is_checkout = step.get("uses", "").startswith("actions/checkout")
            assert not is_checkout or step["with"]["persist-credentials"] is False


@pytest.mark.proves("CS3")
def test_dependabot_looks_at_everything_that_is_locked() -> None:
    read = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text("utf-8"))
    watched = {(one["package-ecosystem"], one["directory"]) for one in read["updates"]}
    wanted = {("pip", "/"), ("npm", "/frontend"), ("github-actions", "/"), ("docker", "/deploy")}
    assert wanted <= watched


@pytest.mark.proves("CS5")
def test_code_scanning_looks_at_every_language() -> None:
    matrix = workflow("codeql.yml")["jobs"]["analyze"]["strategy"]["matrix"]
    assert set(matrix["language"]) == {"python", "javascript-typescript", "actions"}


# What people read


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text("utf-8")


@pytest.mark.proves("RB1")
def test_runbook_of_the_database_says_how_to_go_back_and_how_to_restore() -> None:
    section = page("runbooks").partition("## Rolling back the database")[2].partition("\n## ")[0]
    for command in ("clientflow backup", "clientflow migrate --to", "clientflow restore"):
        assert command in section


@pytest.mark.proves("RB2")
def test_runbook_of_the_service_is_there() -> None:
    section = page("runbooks").partition("## Rolling back the service")[2].partition("\n## ")[0]
    assert "clientflow smoke" in section
    assert "clientflow events replay" in section


@pytest.mark.proves("RB3", "RB5")
def test_runbooks_of_dns_and_of_an_incident_are_there() -> None:
    text = page("runbooks")
    assert "TTL" in text.partition("## Rolling back DNS")[2].partition("\n## ")[0]
    incident = text.partition("## When something is wrong")[2].partition("\n## ")[0]
    assert len(re.findall(r"^\d\. \*\*", incident, re.MULTILINE)) == 7


@pytest.mark.proves("UU1", "UU2")
def test_user_guide_and_questions_are_in_the_documentation() -> None:
    index = page("index")
    assert "user-guide\n" in index
    assert "faq\n" in index
    assert page("faq").count("?**") >= 10
    for title in ("The inbox", "Calendar", "Billing", "Three stories to try"):
        assert f"## {title}" in page("user-guide")
