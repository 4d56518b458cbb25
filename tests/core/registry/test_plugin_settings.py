"""Settings that a plugin has beside its providers': loaded with all others, and half set never."""

import asyncio
from typing import Any, Final

import pytest

from clientflow_core.clock import SystemClock
from clientflow_core.contributions.context import Process
from clientflow_core.errors import SettingsError
from clientflow_core.registry.bound import host_context, plugin_context
from clientflow_core.registry.finding import Wanted, find_plugins
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.registry.selection import Selection, select
from tests.core.registry.conftest import Install

BODY: Final = """
FORM = settings_class("form")

@attrs.frozen(kw_only=True)
class Loose:
    color: str = setting(env="FORM_COLOR", help="the color", default="blue")

class Form(Hooks):
    @hookimpl
    def clientflow_settings(self):
        return [FORM, Loose]

    @hookimpl
    def clientflow_channels(self):
        return SPECS

SPECS = {specs}
plugin = Form()
"""
FORM: Final = {"FORM_KEY": "top secret", "FORM_PORT": "7"}
SMS: Final = {"SMS_KEY": "k1", "SMS_PORT": "1"}


def put(install: Install, specs: str = "[]") -> None:
    """Install the plugin ``form`` with the providers *specs*."""
    install("form", body=BODY.replace("{specs}", specs))


def chosen(values: dict[str, str], **listed: Any) -> Selection:
    wanted = Wanted(**listed)
    return select(find_plugins(wanted), values, wanted=wanted)


def names(selection: Selection) -> list[str]:
    return [plugin.name for plugin in selection.plugins if plugin.name != "twilio"]


def problems(selection: Selection, values: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        ProviderRegistry(selection.plugins, values)
    assert "top secret" not in str(caught.value)
    return [problem.env for problem in caught.value.problems]


def test_code_of_a_plugin_is_lent_its_own_settings_and_no_others(install: Install) -> None:
    put(install, '[spec("sms")]')
    install("fax", specs='[spec("fax")]')
    values = FORM | SMS | {"FAX_KEY": "k2", "FAX_PORT": "2"}
    registry = ProviderRegistry(chosen(values).plugins, values)
    plugins = {plugin.name: plugin for plugin in registry.plugins}
    context = plugin_context(plugins["form"], providers=registry, clock=SystemClock())
    form, loose = plugins["form"].contributions.settings
    sms = plugins["form"].specs[0].settings
    fax = plugins["fax"].specs[0].settings
    found: Any = context.settings(form)
    assert (found.key.reveal(), found.port) == ("top secret", 7)
    assert context.settings(sms).port == 1
    started = host_context(context, Process.WORKER)
    other: Any = started.settings(loose)
    assert other.color == "blue"
    with pytest.raises(LookupError, match="the plugin 'form' has no settings Settings"):
        context.settings(fax)
    assert "top secret" not in repr(context)


def test_plugin_that_is_merely_installed_is_enabled_once_its_settings_are(install: Install) -> None:
    put(install)
    assert names(chosen({})) == []
    assert names(chosen({"FORM_COLOR": "red"})) == []
    assert names(chosen(FORM)) == ["form"]
    half = {"FORM_KEY": "top secret"}
    assert names(chosen(half)) == ["form"]
    assert problems(chosen(half), half) == ["FORM_PORT"]


def test_library_use_enables_the_same(install: Install) -> None:
    put(install)
    assert "form" not in [one.name for one in ProviderRegistry.from_values({}).plugins]
    assert "form" in [one.name for one in ProviderRegistry.from_values(FORM).plugins]


def test_problems_of_both_kinds_of_settings_are_reported_together(install: Install) -> None:
    put(install, '[spec("sms")]')
    values = {"SMS_KEY": "k1", "FORM_KEY": "top secret", "FORM_PORT": "many"}
    selection = chosen(values, required=("form",))
    assert problems(selection, values) == ["SMS_PORT", "FORM_PORT"]


def test_optional_plugin_whose_own_settings_are_half_set_is_kept_apart(install: Install) -> None:
    put(install, '[spec("sms")]')
    selection = chosen(SMS | {"FORM_KEY": "top secret"}, optional=("form",))
    assert names(selection) == []
    [apart] = selection.quarantined
    assert (apart.name, apart.plugin, apart.summary) == ("form", "form", "its settings: FORM_PORT")
    assert apart.reason == "FORM_PORT is not set"


async def test_registry_of_such_a_plugin_opens(install: Install) -> None:
    put(install)
    async with ProviderRegistry(chosen(FORM).plugins, FORM) as registry:
        await asyncio.sleep(0)
    assert registry.providers == {}
