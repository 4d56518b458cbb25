"""Versions are asked before anything is imported, and the message says which side to upgrade."""

import sys

import attrs
import pytest

from clientflow_core.errors import PluginError
from clientflow_core.registry import versions
from clientflow_core.registry.finding import Wanted, discover_plugins, find_plugins
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.registry.selection import Selection, select
from clientflow_core.registry.versions import core_trouble, sdk_trouble
from tests.core.registry.conftest import Install
from tests.core.registry.described import manifest, provider

SMS = {"SMS_KEY": "k1", "SMS_PORT": "1"}
POISON = "raise RuntimeError('imported')"
PLUGIN = "upgrade the plugin: pip install --upgrade sms-dist"


@pytest.fixture(autouse=True)
def core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here ClientFlow is 0.5, and a few SDKs are installed."""
    here = {"clientflow": "0.5", "sdk": "2.1", "beta": "3.0b1", "whole": "2"}
    monkeypatch.setattr(versions, "installed_version", here.get)


@pytest.mark.parametrize(
    ("wanted", "remedy"),
    [
        (None, None),
        ("", None),
        (">=0.1,<1", None),
        ("~=0.5", None),
        ("==0.5.*", None),
        (">=0.6,<1", "upgrade clientflow: pip install 'clientflow>=0.6,<1'"),
        (">0.5", "upgrade clientflow: pip install 'clientflow>0.5'"),
        ("~=0.6", "upgrade clientflow: pip install 'clientflow~=0.6'"),
        ("==0.6.*", "upgrade clientflow: pip install 'clientflow==0.6.*'"),
        (">=0.1,<0.5", PLUGIN),
        ("==0.4.*", PLUGIN),
        ("!=0.5", PLUGIN),
    ],
)
def test_core_of_another_version_is_told_with_the_side_to_upgrade(
    wanted: str | None, remedy: str | None
) -> None:
    told = core_trouble("the plugin 'sms'", wanted, distribution="sms-dist")
    if remedy is None:
        assert told is None
    else:
        begin = f"the plugin 'sms' is made for clientflow {wanted}, and 0.5 is installed: "
        assert told == begin + remedy


@pytest.mark.parametrize(
    ("sdks", "remedy"),
    [
        ({}, None),
        ({"absent": ">=9"}, None),
        ({"sdk": ""}, None),
        ({"sdk": ">=2,<3", "beta": ">=2"}, None),
        ({"sdk": ">=2.2"}, "upgrade sdk: pip install 'sdk>=2.2'"),
        ({"whole": ">=1", "sdk": "<2"}, f"{PLUGIN}, or go back: pip install 'sdk<2'"),
    ],
)
def test_sdk_of_another_version_is_told_with_the_side_to_upgrade(
    sdks: dict[str, str], remedy: str | None
) -> None:
    described = provider("sms", sdks=sdks)
    told = sdk_trouble("the plugin 'sms'", described, distribution="sms-dist")
    assert (told is None) if remedy is None else (told or "").endswith(remedy)
    assert told is None or "for 'sms', and 2.1 is installed: " in told


def test_plugin_that_no_distribution_brings_is_told_without_a_command() -> None:
    told = core_trouble("the plugin 'sms'", "<0.2", distribution=None)
    assert (told or "").endswith("upgrade the plugin, which is not installed by pip")


def test_version_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(ValueError, match="about 3"):
        core_trouble("it", "about 3", distribution=None)


# --- in the registry


def chosen(values: dict[str, str], *, listed: Wanted | None = None) -> Selection:
    wanted = listed or Wanted()
    selection = select(find_plugins(wanted, values=values), values, wanted=wanted)
    return attrs.evolve(
        selection, plugins=[one for one in selection.plugins if one.name != "twilio"]
    )


OLD = {"requires": ["clientflow<0.5"]}
DESCRIBED = {"manifest": manifest("sms", clientflow="<0.5")}


@pytest.mark.parametrize("more", [OLD, DESCRIBED, OLD | {"manifest": manifest("sms")}])
def test_plugin_for_another_core_is_kept_apart_unless_it_has_to_work(
    more: dict[str, str], install: Install
) -> None:
    install("sms", body=POISON, **more)
    [apart] = chosen(SMS).quarantined
    assert apart.is_incompatible
    assert apart.summary == "it is made for another version of ClientFlow"
    assert apart.reason.endswith(PLUGIN)
    optional = chosen(SMS, listed=Wanted(optional=("sms",)))
    assert [one.reason for one in optional.quarantined] == [apart.reason]
    required = chosen(SMS, listed=Wanted(required=("sms",)))
    assert (required.quarantined, required.refused) == ([], [apart.reason])
    with pytest.raises(PluginError, match=r"is made for clientflow <0\.5, and 0\.5 is installed"):
        ProviderRegistry.from_values(SMS, names=["sms"])
    with pytest.raises(PluginError, match="upgrade the plugin"):
        discover_plugins(names=["sms"])
    assert "sms_dist" not in sys.modules


def test_manifest_decides_where_the_metadata_says_otherwise(install: Install) -> None:
    fits = manifest("sms", clientflow=">=0.5")
    install("sms", specs='[spec("sms")]', requires=["clientflow<0.5"], manifest=fits)
    assert [one.name for one in chosen(SMS).plugins] == ["sms"]


def test_provider_whose_sdk_does_not_fit_is_kept_apart_and_the_other_is_used(
    install: Install,
) -> None:
    described = manifest("sms", providers=(provider("sms", sdks={"sdk": ">=3"}), provider("fax")))
    install("sms", specs='[spec("sms"), spec("fax")]', manifest=described)
    values = {**SMS, "FAX_KEY": "k2", "FAX_PORT": "2"}
    selection = chosen(values)
    assert [spec.name for one in selection.plugins for spec in one.specs] == ["fax"]
    [apart] = selection.quarantined
    assert (apart.name, apart.is_incompatible) == ("sms", True)
    assert apart.summary == "its SDK is of another version than it needs"
    assert apart.reason.endswith("upgrade sdk: pip install 'sdk>=3'")
    required = chosen(values, listed=Wanted(required=("sms",)))
    assert required.refused == [apart.reason]
    assert chosen({"FAX_KEY": "k2", "FAX_PORT": "2"}).quarantined == []
