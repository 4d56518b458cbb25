"""What a plugin says of itself in a file, and that nothing of it is imported for that."""

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clientflow_core.hookspecs import ENTRY_POINT_GROUP
from clientflow_core.registry.finding import Found, Wanted, discover_plugins, find_plugins
from clientflow_core.registry.installed import InstalledPlugin, describe
from clientflow_core.registry.manifest import (
    DescribedCommand,
    DescribedProvider,
    DescribedSetting,
    Manifest,
    manifest_of,
    manifest_paths,
    read_manifest,
    write_manifest,
)
from clientflow_core.registry.selection import select
from tests.core.registry.conftest import Install
from tests.core.registry.described import manifest, provider

SMS = {"SMS_KEY": "k1", "SMS_PORT": "1"}
POISON = "raise RuntimeError('imported')"


def installed(name: str) -> InstalledPlugin:
    (point,) = importlib.metadata.entry_points(group=ENTRY_POINT_GROUP, name=name)
    (found,) = describe([point])
    return found


# --- the file

texts = st.text(min_size=1, max_size=5)
several = st.lists(texts, max_size=2).map(tuple)
manifests = st.builds(
    Manifest,
    plugin=texts,
    clientflow=st.none() | texts,
    providers=st.lists(
        st.builds(
            DescribedProvider,
            kind=texts,
            name=texts,
            title=texts,
            settings=st.lists(
                st.builds(DescribedSetting, env=texts, is_required=st.booleans()), max_size=2
            ).map(tuple),
            capabilities=several,
            webhooks=several,
            sandbox=st.none() | texts,
            requires=st.none() | texts,
            sdk_modules=several,
            sdks=st.dictionaries(texts, texts, max_size=2),
        ),
        max_size=2,
    ).map(tuple),
    settings=st.lists(
        st.lists(st.builds(DescribedSetting, env=texts, is_required=st.booleans()), max_size=2).map(
            tuple
        ),
        max_size=2,
    ).map(tuple),
    contributes=several,
    routes=several,
    commands=st.lists(
        st.builds(DescribedCommand, name=texts, help=texts, target=texts), max_size=2
    ).map(tuple),
)


@given(manifests)
@settings(max_examples=60)
def test_what_is_written_is_read_again(made: Manifest) -> None:
    assert read_manifest(write_manifest(made)) == made


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["format", "plugin", "providers"]), inner, max_size=3)
        ),
    )
)
@settings(max_examples=100)
def test_whatever_else_the_file_holds_is_refused_and_nothing_worse(state: Any) -> None:
    with pytest.raises(ValueError, match=r"it is"):
        read_manifest(json.dumps(state))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2}', "\ud800"])
def test_text_that_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json has many words for it
        read_manifest(text)


def test_field_of_another_type_is_refused() -> None:
    state = json.loads(manifest("sms"))
    state["providers"][0]["sdks"] = ["twilio"]
    with pytest.raises(ValueError, match="it is no manifest"):
        read_manifest(json.dumps(state))
    state["providers"][0]["sdks"] = {"twilio": 9}
    with pytest.raises(ValueError, match="9 is no text"):
        read_manifest(json.dumps(state))


# --- where it lies


def test_it_lies_in_the_package_of_the_plugin_or_above(install: Install) -> None:
    install("sms", body=POISON, manifest=manifest("sms"))
    paths = manifest_paths("sms_dist.deeper.plugin")
    assert [path.parent.name for path in paths] == ["plugin", "deeper", "sms_dist"]
    assert installed("sms").manifest == read_manifest(manifest("sms"))
    assert "sms_dist" not in sys.modules


def test_plugin_that_is_one_module_or_is_not_there_has_none(install: Install) -> None:
    install("sms")
    assert manifest_paths("sms_dist") == []
    assert manifest_paths("no_such_module.at_all") == []


@pytest.mark.parametrize("text", ["{", manifest("other"), manifest("sms", clientflow="about 3")])
def test_manifest_that_is_broken_or_anothers_is_as_good_as_none(
    text: str, install: Install
) -> None:
    install("sms", specs='[spec("sms")]', manifest=text)
    point = installed("sms")
    assert point.manifest is None
    found = {plugin.name: plugin for plugin in find_plugins(values={}).plugins}
    assert found["sms"].remark == point.remark
    assert (point.remark is None) == (text == manifest("other"))


# --- it is what the code is


def test_manifest_of_our_own_plugins_is_what_the_code_says() -> None:
    points = importlib.metadata.entry_points(group=ENTRY_POINT_GROUP)
    ours = [point for point in points if point.dist and point.dist.name == "clientflow"]
    assert ours
    for point in ours:
        (plugin,) = discover_plugins([point])
        assert installed(point.name).manifest == manifest_of(plugin, point.dist), (
            "run: clientflow plugin manifest"
        )


TOOL = """
from clientflow_core import CommandSpec

class Tool(Hooks):
    @hookimpl
    def clientflow_commands(self):
        return [CommandSpec(name="greet", help="Say hello.", target="a.b:greet")]

plugin = Tool()
"""
MORE = (
    TOOL
    + """
class Plugin(Tool):
    @hookimpl
    def clientflow_channels(self):
        return [spec("sms", ["b", "a"], requires="sdk", sdk_modules=["json"], sandbox="a.b:C")]

plugin = Plugin()
"""
)


def test_manifest_says_what_the_plugin_brings_and_what_it_needs(install: Install) -> None:
    install(
        "sms",
        body=MORE,
        requires=[
            "clientflow>=0.1,<1",
            "attrs>=26",
            "sdk-of-it>=2,!=2.1; extra == 'sdk'",
            "other>=1; extra == 'other'",
        ],
    )
    (plugin,) = discover_plugins(names=["sms"])
    made = manifest_of(plugin, importlib.metadata.distribution("sms-dist"))
    assert made.clientflow == "<1,>=0.1"
    assert made.contributes == ("commands",)
    assert made.commands == (DescribedCommand(name="greet", help="Say hello.", target="a.b:greet"),)
    (channel,) = made.providers
    assert channel == provider(
        "sms",
        webhooks=("b", "a"),
        sandbox="a.b:C",
        requires="sdk",
        sdk_modules=("json",),
        sdks={"sdk-of-it": "!=2.1,>=2"},
    )


def test_sdk_without_an_extra_is_what_the_distribution_needs_anyway(install: Install) -> None:
    install(
        "sms",
        specs='[spec("sms", sdk_modules=["json"])]',
        requires=["clientflow>=0.1", "sdk>=2", "more>=1; extra == 'x'"],
    )
    (plugin,) = discover_plugins(names=["sms"])
    made = manifest_of(plugin, importlib.metadata.distribution("sms-dist"))
    assert made.providers[0].sdks == {"sdk": ">=2"}
    bare = manifest_of(plugin, None)
    assert (bare.clientflow, bare.providers[0].sdks) == (None, {})


# --- what is not enabled is not imported


def names(found: Found) -> tuple[list[str], list[str]]:
    return (
        [plugin.name for plugin in found.plugins if plugin.distribution != "clientflow"],
        [plugin.name for plugin in found.idle if plugin.distribution != "clientflow"],
    )


def test_only_what_is_begun_to_be_set_up_is_imported(install: Install) -> None:
    install("sms", specs='[spec("sms")]', manifest=manifest("sms"))
    install("fax", body=POISON, manifest=manifest("fax"))
    install("old", specs='[spec("old")]')
    found = find_plugins(values=SMS)
    assert names(found) == (["old", "sms"], ["fax"])
    assert found.broken == []
    half = find_plugins(values={"FAX_PORT": "1"})
    assert [one.name for one in half.broken] == ["fax"]
    everything = find_plugins()
    assert [one.name for one in everything.broken] == ["fax"]


def test_what_is_listed_is_imported_and_nothing_else(install: Install) -> None:
    install("sms", specs='[spec("sms")]', manifest=manifest("sms"))
    install("fax", body=POISON, manifest=manifest("fax"))
    listed = find_plugins(Wanted(required=("sms",)), values={})
    assert names(listed) == (["sms"], [])
    assert "fax_dist" not in sys.modules


def test_plugin_without_providers_is_enabled_by_what_else_it_brings(install: Install) -> None:
    tool = manifest("tool", providers=(), contributes=("commands",))
    install("tool", body=TOOL, manifest=tool)
    install("void", body=POISON, manifest=manifest("void", providers=()))
    assert names(find_plugins(values={})) == (["tool"], ["void"])


def test_plugin_that_only_lacks_its_own_settings_is_not_imported(install: Install) -> None:
    key = DescribedSetting(env="TOOL_KEY", is_required=True)
    loose = DescribedSetting(env="TOOL_COLOR", is_required=False)
    described = manifest(
        "tool", providers=(), contributes=("commands",), settings=((key, loose), (loose,))
    )
    install("tool", body=TOOL, manifest=described)
    assert names(find_plugins(values={})) == ([], ["tool"])
    assert names(find_plugins(values={"TOOL_KEY": "k"})) == (["tool"], [])


def test_setting_that_is_shared_begins_no_other_plugin_of_the_manifest(install: Install) -> None:
    settings = (DescribedSetting(env="SMS_KEY", is_required=True),)
    fax = attrs.evolve(
        provider("fax"), settings=(*settings, DescribedSetting(env="FAX_PORT", is_required=True))
    )
    both = manifest("both", providers=(attrs.evolve(provider("sms"), settings=settings), fax))
    install("both", body=POISON, manifest=both)
    assert names(find_plugins(values={})) == ([], ["both"])
    assert [one.name for one in find_plugins(values={"SMS_KEY": "k"}).broken] == ["both"]


def test_disabled_plugin_is_in_nobodys_way_and_names_that_clash_are_told_once_both_are_set(
    install: Install,
) -> None:
    install("sms", specs='[spec("sms", ["in"])]', manifest=manifest("sms"))
    install("fax", specs='[spec("fax", ["in"])]', manifest=manifest("fax"))
    wanted = Wanted()
    selection = select(find_plugins(values=SMS), SMS, wanted=wanted)
    assert [one.name for one in selection.plugins] == ["sms"]
    both = {**SMS, "FAX_KEY": "k", "FAX_PORT": "2"}
    selection = select(find_plugins(values=both), both, wanted=wanted)
    assert {one.name for one in selection.quarantined} == {"sms", "fax"}


def test_manifest_that_has_grown_old_is_remarked_upon(install: Install) -> None:
    install("sms", specs='[spec("sms"), spec("fax")]', manifest=manifest("sms"))
    (plugin,) = (one for one in find_plugins(values=SMS).plugins if one.name == "sms")
    assert plugin.remark == (
        "its clientflow.json is not what its code says: clientflow plugin manifest"
    )


PROGRAM = """
import sys
from clientflow_host.assembly import load_everything
_, registry = load_everything({})
assert list(registry.providers) == [], registry.providers
for name in ("clientflow_plugins.twilio", "twilio", "fax_dist"):
    assert name not in sys.modules, name
"""


def test_process_in_which_twilio_is_not_set_never_imports_it(
    install: Install, tmp_path: Path
) -> None:
    install("fax", body=POISON, manifest=manifest("fax"))
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": str(tmp_path / "fax-dist"), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
