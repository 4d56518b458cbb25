"""Which plugins are enabled, which are kept apart, and which refuse the start."""

from typing import Any

import attrs
import pytest
import structlog

from clientflow_core.errors import PluginError, SettingsError
from clientflow_core.registry.finding import OPTIONAL_ENV, Found, Wanted, find_plugins
from clientflow_core.registry.quarantine import report_quarantined
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.registry.selection import Selection, select
from clientflow_core.registry.set_up import begun
from clientflow_core.settings import Completeness
from tests.core.registry.conftest import Install

SMS = {"SMS_KEY": "k1", "SMS_PORT": "1"}
FAX = {"FAX_KEY": "k2", "FAX_PORT": "2"}


def chosen(
    values: dict[str, str],
    *,
    required: tuple[str, ...] | None = None,
    optional: tuple[str, ...] | None = None,
) -> Selection:
    wanted = Wanted(required=required, optional=optional)
    selection = select(find_plugins(wanted), values, wanted=wanted, public_url="https://a.example")
    # What is installed here anyway.
    plugins = [plugin for plugin in selection.plugins if plugin.name != "twilio"]
    return attrs.evolve(selection, plugins=plugins)


def providers(selection: Selection) -> list[str]:
    return [spec.name for plugin in selection.plugins for spec in plugin.specs]


def apart(selection: Selection) -> dict[str, str]:
    return {one.name: one.reason for one in selection.quarantined}


# --- nothing is listed


def test_broken_plugin_that_is_merely_installed_is_kept_apart(install: Install) -> None:
    install("sms", specs='[spec("sms")]')
    install("bad", body="1 / 0", version="0.9")
    selection = chosen(SMS)
    assert providers(selection) == ["sms"]
    [bad] = selection.quarantined
    assert (bad.name, bad.plugin, bad.version, bad.distribution) == (
        "bad", "bad", "0.9", "bad-dist",
    )  # fmt: skip
    assert "cannot be imported: ZeroDivisionError" in bad.reason
    assert bad.summary == "it cannot be loaded (ZeroDivisionError)"
    assert selection.refused == []


def test_plugins_that_share_a_name_are_kept_apart_and_the_rest_goes_on(install: Install) -> None:
    install("sms", specs='[spec("sms")]')
    install("fax", specs='[spec("fax")]', distribution="one")
    install("fax", specs='[spec("fax")]', distribution="two")
    install("first", specs='[spec("same")]')
    install("second", specs='[spec("same")]')
    install("twice", specs='[spec("double"), spec("double")]')
    selection = chosen(SMS | FAX)
    assert providers(selection) == ["sms"]
    reasons = apart(selection)
    assert reasons.keys() == {"fax", "first", "second", "twice"}
    assert reasons["fax"].startswith(("one 1.2 and two 1.2", "two 1.2 and one 1.2"))
    assert "'first' of first-dist 1.2 and the plugin 'second'" in reasons["first"]
    assert "CLIENTFLOW_PLUGINS" in reasons["second"]
    assert reasons["twice"].endswith("brings two providers named 'double'; rename one")


def test_settings_that_are_half_set_are_not_looked_at_here(install: Install) -> None:
    install("sms", specs='[spec("sms")]')
    selection = chosen({"SMS_KEY": "k1"})
    assert (providers(selection), selection.quarantined) == (["sms"], [])
    with pytest.raises(SettingsError, match="SMS_PORT: is not set"):
        ProviderRegistry(selection.plugins, {"SMS_KEY": "k1"})


def test_library_use_goes_on_without_a_broken_plugin(install: Install) -> None:
    install("sms", specs='[spec("sms")]')
    install("bad", body="1 / 0")
    with structlog.testing.capture_logs() as lines:
        registry = ProviderRegistry.from_values(SMS)
    assert list(registry.providers) == ["sms"]
    assert [one.name for one in registry.quarantined] == ["bad"]
    [line] = lines
    assert (line["event"], line["plugin"], line["distribution"]) == (
        "plugin_quarantined", "bad", "bad-dist",
    )  # fmt: skip


# --- required


def test_required_plugins_that_cannot_be_used_are_all_told(install: Install) -> None:
    install("bad", body="1 / 0")
    install("worse", body="plugin = 1")
    install("sms", specs='[spec("sms", requires="x", sdk_modules=["no_such_sdk"])]')
    selection = chosen(SMS, required=("bad", "sms", "worse"))
    assert (providers(selection), selection.quarantined) == ([], [])
    with pytest.raises(PluginError) as caught:
        selection.require_all()
    first, second, third = str(caught.value).splitlines()
    assert first.startswith("the plugin 'bad' of bad-dist 1.2 cannot be imported")
    assert second.startswith("the plugin 'worse' of worse-dist 1.2 breaks the rules")
    assert third.startswith("the plugin 'sms' of sms-dist 1.2 needs no_such_sdk for 'sms'")
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        ProviderRegistry.from_values(SMS, names=["bad"])


def test_required_plugin_keeps_the_name_that_an_optional_one_shares(install: Install) -> None:
    install("first", specs='[spec("sms")]')
    install("second", specs='[spec("sms")]')
    selection = chosen(SMS, required=("second",), optional=("first",))
    assert [plugin.name for plugin in selection.plugins if plugin.specs] == ["second"]
    assert apart(selection).keys() == {"first"}
    both = chosen(SMS, required=("second", "first"))
    assert len(both.refused) == 2


def test_required_plugin_that_is_not_installed_is_refused() -> None:
    with pytest.raises(SettingsError, match="CLIENTFLOW_PLUGINS: names owl; installed are"):
        chosen({}, required=("owl",))


# --- optional


SAYS_NO = "lambda s, url: 1 / 0"


@pytest.mark.parametrize(
    ("values", "more", "reason"),
    [
        ({}, "", "SMS_KEY is not set; SMS_PORT is not set"),
        ({"SMS_KEY": "s3cret"}, "", "SMS_PORT is not set"),
        ({"SMS_KEY": "s3cret", "SMS_PORT": "s3cret"}, "", "SMS_PORT is not a whole number"),
        (SMS, f", check_public_url={SAYS_NO}", "its settings cannot be checked (ZeroDivision"),
        (
            SMS,
            ', sdk_modules=["no_such_sdk"]',
            "needs no_such_sdk for 'sms', which is",
        ),
    ],
)
def test_optional_plugin_that_cannot_be_used_is_kept_apart_with_the_reason(
    install: Install, values: dict[str, str], more: str, reason: str
) -> None:
    install("sms", specs=f'[spec("sms"{more})]')
    install("fax", specs='[spec("fax")]')
    selection = chosen({**values, **FAX}, required=("fax",), optional=("sms", "owl"))
    assert [plugin.name for plugin in selection.plugins] == ["fax"]
    assert selection.refused == []
    reasons = apart(selection)
    assert reason in reasons["sms"]
    assert reasons["owl"] == f"{OPTIONAL_ENV} names owl, which is not installed"
    everything = repr(selection.quarantined)
    assert "s3cret" not in everything
    report_quarantined(selection.quarantined)


def test_optional_plugins_alone_are_all_that_is_loaded(install: Install) -> None:
    install("sms", specs='[spec("sms")]')
    install("fax", specs='[spec("fax")]')
    assert providers(chosen(SMS | FAX, optional=("sms",))) == ["sms"]


def test_one_provider_of_a_plugin_may_be_kept_apart_and_the_other_used(install: Install) -> None:
    install("both", specs='[spec("sms"), spec("fax", sdk_modules=["no_such_sdk"])]')
    selection = chosen(SMS | FAX, optional=("both",))
    assert providers(selection) == ["sms"]
    assert apart(selection).keys() == {"fax"}


# --- plugins with several providers

SHARED = """
@attrs.frozen
class Text:
    key: str = setting(env="ACME_KEY", help="the key")

@attrs.frozen
class Fax:
    key: str = setting(env="ACME_KEY", help="the key")
    number: str = setting(env="ACME_FAX", help="the number")

class Plugin(Hooks):
    @hookimpl
    def clientflow_channels(self):
        return [
            attrs.evolve(spec("acme_text"), settings=Text),
            attrs.evolve(spec("acme_fax"), settings=Fax),
        ]

plugin = Plugin()
"""


def test_provider_that_is_not_set_leaves_the_other_of_its_plugin_alone(install: Install) -> None:
    install("both", specs='[spec("sms"), spec("fax")]')
    for listed in (None, ("both",)):
        selection = chosen(SMS, required=listed)
        assert providers(selection) == ["sms"]
        assert list(ProviderRegistry(selection.plugins, SMS).providers) == ["sms"]
    half = chosen({**SMS, "FAX_KEY": "k"}, required=("both",))
    with pytest.raises(SettingsError, match="FAX_PORT"):
        ProviderRegistry(half.plugins, {**SMS, "FAX_KEY": "k"})


@pytest.mark.parametrize(
    ("values", "enabled", "fax"),
    [
        ({"ACME_KEY": "k"}, ["acme_text"], Completeness.NONE),
        ({"ACME_KEY": "k", "ACME_FAX": "1"}, ["acme_text", "acme_fax"], Completeness.COMPLETE),
        ({"ACME_FAX": "1"}, ["acme_fax"], Completeness.HALF),
    ],
)
def test_setting_that_is_shared_begins_no_other_provider(
    install: Install, values: dict[str, str], enabled: list[str], fax: Completeness
) -> None:
    install("acme", body=SHARED)
    assert providers(chosen(values)) == enabled
    [acme] = [plugin for plugin in find_plugins().plugins if plugin.name == "acme"]
    assert begun(acme, values)["acme_fax"] is fax


def test_nothing_is_found_where_nothing_is_wanted(install: Install) -> None:
    install("bad", body="1 / 0")
    assert find_plugins(Wanted(required=())) == Found(plugins=[], broken=[])


# --- the SDK is looked for without being imported


@pytest.mark.parametrize("name", ["google.cloud", "", "a-b"])
def test_sdk_is_named_as_the_package_that_is_imported(name: str, install: Install) -> None:
    install("sms", specs=f'[spec("sms", sdk_modules=[{name!r}])]')
    [broken] = chosen(SMS).quarantined
    assert "failed when it was asked what it brings: ValueError" in broken.reason


def test_lists_of_an_operator_are_told_apart() -> None:
    wanted = Wanted(required=("a", "b"), optional=("b", "c"))
    assert wanted.names == ("a", "b", "c")
    answers: list[Any] = [(wanted.is_required(n), wanted.is_optional(n)) for n in "abcd"]
    assert answers == [(True, False), (True, False), (False, True), (False, False)]
    assert Wanted().names is None
