"""The index of what is installed: it saves the look at every distribution, and is never wrong."""

import importlib.metadata
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clientflow_core.registry import index
from clientflow_core.registry.index import cache_folder, cached_installed
from clientflow_core.registry.installed import read_installed
from clientflow_core.registry.registry import ProviderRegistry
from tests.core.registry.conftest import Install
from tests.core.registry.described import manifest, provider

AN_HOUR_AGO = time.time() - 3600


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "clientflow"


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each look at what is installed."""
    found: list[str] = []
    real: Callable[..., Any] = importlib.metadata.entry_points

    def counted(**named: str) -> Any:
        found.append(named["group"])
        return real(**named)

    monkeypatch.setattr(importlib.metadata, "entry_points", counted)
    return found


@pytest.fixture
def settle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let everything of this test, and the places that others change, be an hour old."""

    def age() -> None:
        for path in [tmp_path, *tmp_path.rglob("*")]:
            os.utime(path, (AN_HOUR_AGO, AN_HOUR_AGO))

    places = index._search_path
    monkeypatch.setattr(
        index, "_search_path", lambda: [p for p in places() if p.startswith(str(tmp_path))]
    )
    return age


Settle = Callable[[], None]


def names(folder: Path) -> list[str]:
    found = cached_installed(folder)
    return sorted(plugin.name for plugin in found if plugin.distribution != "clientflow")


def the_file(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


def test_warm_index_looks_at_no_distribution_and_says_the_same(
    install: Install, folder: Path, looks: list[str], settle: Settle
) -> None:
    described = manifest("sms", providers=(provider("sms", sdks={"attrs": "<1"}),))
    install("sms", manifest=described, requires=["clientflow>=9"])
    install("old")
    settle()
    cold = cached_installed(folder)
    assert len(looks) == 1
    assert list(cached_installed(folder)) == list(cold) == read_installed()
    assert len(looks) == 2
    sms = next(plugin for plugin in cold if plugin.name == "sms")
    assert sms.trouble
    assert sms.sdk_troubles.keys() == {"sms"}
    assert the_file(folder).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_distribution_that_comes_or_goes_is_noticed(
    install: Install, folder: Path, looks: list[str], settle: Settle, tmp_path: Path
) -> None:
    install("sms")
    settle()
    assert names(folder) == ["sms"]
    site = tmp_path / "sms-dist"
    shutil.copytree(site / "sms_dist-1.2.dist-info", site / "fax_dist-1.dist-info")
    points = site / "fax_dist-1.dist-info" / "entry_points.txt"
    points.write_text(points.read_text().replace("sms", "fax"))
    assert names(folder) == ["fax", "sms"]
    settle()
    os.utime(site, (AN_HOUR_AGO + 60, AN_HOUR_AGO + 60))
    assert names(folder) == ["fax", "sms"]
    assert names(folder) == ["fax", "sms"]
    assert len(looks) == 3
    shutil.rmtree(site / "fax_dist-1.dist-info")
    assert names(folder) == ["sms"]


def test_manifest_that_comes_changes_or_goes_is_noticed(
    install: Install, folder: Path, looks: list[str], settle: Settle, tmp_path: Path
) -> None:
    def title() -> str | None:
        (sms,) = (one for one in cached_installed(folder) if one.name == "sms")
        return sms.manifest.providers[0].title if sms.manifest else None

    install("sms", manifest=manifest("sms"))
    file = tmp_path / "sms-dist" / "sms_dist" / "clientflow.json"
    settle()
    assert title() == title() == "Sms"
    assert len(looks) == 1
    file.write_text(manifest("sms", providers=(provider("sms", title="Other"),)))
    assert title() == "Other"
    settle()
    os.utime(file, (AN_HOUR_AGO + 60, AN_HOUR_AGO + 60))
    assert title() == title() == "Other"
    assert len(looks) == 3
    file.unlink()
    assert title() is None
    settle()
    assert title() is None
    assert title() is None
    file.write_text(manifest("sms"))
    assert title() == "Sms"


def test_another_search_path_is_another_index(
    install: Install, folder: Path, looks: list[str], settle: Settle
) -> None:
    install("sms")
    settle()
    assert names(folder) == ["sms"]
    install("fax")
    settle()
    assert names(folder) == ["fax", "sms"]
    assert len(looks) == 2


def test_what_changed_just_now_is_not_kept(install: Install, folder: Path, settle: Settle) -> None:
    install("sms")
    assert names(folder) == ["sms"]
    assert not folder.exists()
    settle()
    assert names(folder) == ["sms"]
    assert the_file(folder).exists()


def _cut(file: Path) -> None:
    file.write_text(file.read_text()[:-20])


def _another_format(file: Path) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), "format": 0}))


def _junk_plugins(file: Path) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), "plugins": [{"name": "sms"}]}))


def _list(file: Path) -> None:
    file.write_text("[]")


def _binary(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00")


def _open_to_others(file: Path) -> None:
    file.chmod(0o604)


def _open_to_the_group(file: Path) -> None:
    file.chmod(0o660)


def _link(file: Path) -> None:
    real = file.rename(file.with_suffix(".real"))
    file.symlink_to(real)


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)


SPOILERS: list[Callable[[Path], None]] = [
    _cut, _another_format, _junk_plugins, _list, _binary, _open_to_others, _open_to_the_group,
    _link, _folder, _fifo,
]  # fmt: skip


@pytest.mark.parametrize("spoil", SPOILERS, ids=lambda spoil: spoil.__name__)
def test_index_that_is_broken_or_that_others_could_write_is_not_believed(
    spoil: Callable[[Path], None],
    install: Install,
    folder: Path,
    looks: list[str],
    settle: Settle,
) -> None:
    install("sms")
    settle()
    assert names(folder) == ["sms"]
    spoil(the_file(folder))
    assert names(folder) == ["sms"]
    assert len(looks) == 2


def test_index_of_another_user_is_not_believed(
    install: Install,
    folder: Path,
    looks: list[str],
    settle: Settle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install("sms")
    settle()
    assert names(folder) == ["sms"]
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert names(folder) == ["sms"]
    assert len(looks) == 2


def test_folder_that_cannot_be_written_to_is_done_without(
    install: Install, tmp_path: Path, settle: Settle
) -> None:
    install("sms")
    (tmp_path / "file").touch()
    settle()
    assert names(tmp_path / "file" / "clientflow") == ["sms"]


def test_place_is_that_of_caches(tmp_path: Path) -> None:
    assert cache_folder({"XDG_CACHE_HOME": "/c", "HOME": "/h"}) == Path("/c/clientflow")
    assert cache_folder({"HOME": "/h"}) == Path("/h/.cache/clientflow")
    assert cache_folder({"XDG_CACHE_HOME": "c", "HOME": "/h"}) is None
    assert cache_folder({}) is None


def test_registry_keeps_it_where_the_environment_says(
    install: Install, looks: list[str], settle: Settle, tmp_path: Path
) -> None:
    install("sms", specs='[spec("sms")]', manifest=manifest("sms"))
    settle()
    values = {"SMS_KEY": "k", "SMS_PORT": "1", "XDG_CACHE_HOME": str(tmp_path)}
    for _ in range(3):
        assert list(ProviderRegistry.from_values(values).providers) == ["sms"]
    assert len(looks) == 1
