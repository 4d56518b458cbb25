"""The settings of the host, where they come from, and the pages that tell of them."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values

from clientflow_core.errors import SettingsError
from clientflow_core.registry.finding import discover_plugins
from clientflow_core.settings import setting_fields
from clientflow_host import settings_pages
from clientflow_host.edge_settings import EdgeSettings
from clientflow_host.repository_settings import RepositorySettings
from clientflow_host.retention_settings import RetentionSettings
from clientflow_host.settings import (
    HostSettings,
    default_state_folder,
    load_host_settings,
    local_url,
    read_values,
)
from clientflow_host.site_settings import SiteSettings
from clientflow_host.smoke_settings import SmokeSettings

ROOT = Path(__file__).parents[2]


def declared() -> set[str]:
    """Give the names of all settings of ours."""
    plugins = [p for p in discover_plugins() if p.distribution == "clientflow"]
    classes: list[type] = [
        HostSettings,
        SiteSettings,
        EdgeSettings,
        RetentionSettings,
        RepositorySettings,
    ]
    classes += [SmokeSettings]
    classes += [spec.settings for plugin in plugins for spec in plugin.specs]
    return {field.setting.env for one in classes for field in setting_fields(one)}


@pytest.mark.parametrize("page", ["docs/settings.md", ".env.example"])
def test_page_is_what_the_settings_classes_say(page: str) -> None:
    written = (ROOT / page).read_text("utf-8")
    assert written == settings_pages.pages()[page], f"write it anew: {settings_pages.COMMAND}"


def test_every_setting_has_a_row_in_the_documentation() -> None:
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", settings_pages.pages()["docs/settings.md"], re.M)
    assert {name for name, _ in rows} == declared()
    for name, row in rows:
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)]
        assert len(cells) == 5, name
        assert cells[0], f"{name} says not what it is"
        assert cells[1], f"{name} says not what it is without being set"
    secrets = {name for name, row in rows if "| yes |" in row}
    assert {"DATABASE_URL", "TWILIO_AUTH_TOKEN", "TWILIO_WEBHOOK_SHARED_KEY"} <= secrets
    assert "CLIENTFLOW_PORT" not in secrets


def test_template_of_the_environment_sets_nothing_until_it_is_edited() -> None:
    template = settings_pages.pages()[".env.example"]
    assert dotenv_values(stream=io.StringIO(template)) == {}
    edited = re.sub(r"^#(?! )", "", template, flags=re.M)
    values = dotenv_values(stream=io.StringIO(edited))
    assert values.keys() == declared()
    host = {name: value for name, value in values.items() if value and "TWILIO" not in name}
    settings = load_host_settings(host)
    assert (settings.port, settings.log_level, settings.plugins) == (8080, "info", ("twilio",))


def test_plugins_of_others_are_on_their_own_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_pages, "_OWN_DISTRIBUTION", "another")
    found = list(settings_pages.own_groups())
    assert found[0].title == "The service"
    assert not [group for group in found if "plugin `" in group.introduction]


def test_pages_are_written_into_a_checkout_and_nowhere_else(tmp_path: Path) -> None:
    def write() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *settings_pages.COMMAND.split()[1:]],
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    refused = write()
    assert (refused.returncode, refused.stderr) == (
        1,
        f"{tmp_path} is no checkout of ClientFlow: run this in one\n",
    )
    (tmp_path / "docs").mkdir()
    assert write().returncode == 0
    assert (tmp_path / ".env.example").read_text("utf-8").endswith("twilio\n")
    assert (tmp_path / "docs" / "settings.md").exists()


def test_column_mark_in_a_cell_does_not_end_it() -> None:
    (field, *_) = setting_fields(HostSettings)
    odd = type(field)("name", str, "a|b", field.setting)
    group = settings_pages.Group(title="T", introduction="I", fields=(odd,))
    assert "`a\\|b`" in settings_pages.settings_page([group])


@pytest.mark.parametrize("env", ["CLIENTFLOW_PORT", "CLIENTFLOW_WORKER_PORT"])
@pytest.mark.parametrize("value", ["65536", "99999", "-1", "80a"])
def test_what_is_no_port_is_refused(env: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_host_settings({env: value})
    assert [problem.env for problem in caught.value.problems] == [env]
    assert value not in str(caught.value)


def test_address_that_is_not_of_redis_is_refused_without_being_repeated() -> None:
    with pytest.raises(SettingsError) as refused:
        load_host_settings({"REDIS_URL": "http://:secret@127.0.0.1"})
    assert [problem.env for problem in refused.value.problems] == ["REDIS_URL"]
    assert "secret" not in str(refused.value)


def test_all_ports_that_are_none_are_told_together() -> None:
    ports = [f"CLIENTFLOW_{which}PORT" for which in ("", "WORKER_", "SANDBOX_")]
    with pytest.raises(SettingsError) as caught:
        load_host_settings(dict.fromkeys(ports, "65536"))
    assert [problem.env for problem in caught.value.problems] == ports


@pytest.mark.parametrize(
    ("values", "url"),
    [
        ({}, "http://127.0.0.1:8080"),
        ({"CLIENTFLOW_PORT": "8123"}, "http://127.0.0.1:8123"),
        ({"CLIENTFLOW_HOST": "0.0.0.0"}, "http://127.0.0.1:8080"),
        ({"CLIENTFLOW_PUBLIC_URL": "https://a.example/"}, "https://a.example"),
        ({"CLIENTFLOW_PUBLIC_URL": "https://a.example/b//"}, "https://a.example/b"),
    ],
)
def test_where_the_world_reaches_the_host(values: dict[str, str], url: str) -> None:
    assert load_host_settings(values).url == url


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:1"),
        ("0.0.0.0", "http://127.0.0.1:1"),
        ("::", "http://[::1]:1"),
        ("fd00::1", "http://[fd00::1]:1"),
        ("a.example", "http://a.example:1"),
    ],
)
def test_where_this_machine_reaches_what_listens(host: str, url: str) -> None:
    assert local_url(host, 1) == url


@pytest.mark.parametrize("url", ["a.example", "ftp://a.example", "https://a.example?x=1"])
def test_public_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="CLIENTFLOW_PUBLIC_URL"):
        load_host_settings({"CLIENTFLOW_PUBLIC_URL": url})


def test_environment_wins_over_the_file_and_the_file_over_the_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in ("CLIENTFLOW_A", "CLIENTFLOW_B", "CLIENTFLOW_C"):
        (secrets / name).write_text("secrets\n")
    (tmp_path / ".env").write_text("CLIENTFLOW_A=file\nCLIENTFLOW_B=file\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLIENTFLOW_SECRETS_DIR", str(secrets))
    monkeypatch.setenv("CLIENTFLOW_A", "environment")
    values = read_values()
    assert [values[f"CLIENTFLOW_{x}"] for x in "ABC"] == ["environment", "file", "secrets"]


def test_state_folder_is_where_the_system_keeps_such_things(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_state_folder() == Path("/var/lib/clientflow")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert default_state_folder() == tmp_path / ".local/state/clientflow"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert default_state_folder() == tmp_path / "xdg/clientflow"
    assert load_host_settings({"CLIENTFLOW_STATE_DIR": "/state"}).state_folder == Path("/state")
    assert HostSettings().state_folder == tmp_path / "xdg/clientflow"
