"""What the settings page lists of a plugin that comes along."""

from clientflow_core.registry.finding import discover_plugins
from clientflow_host.settings_pages import environment, plugin_groups
from tests.core.registry.conftest import Install, install
from tests.core.registry.test_plugin_settings import BODY

__all__ = ["install"]


def test_settings_of_a_plugins_own_stand_behind_those_of_its_providers(install: Install) -> None:
    install("form", body=BODY.replace("{specs}", '[spec("sms")]'))
    (plugin,) = discover_plugins(names=["form"])
    groups = list(plugin_groups(plugin))
    assert [group.title for group in groups] == ["Sms", "form: Settings", "form: Loose"]
    template = environment(groups)
    assert template.index("#SMS_KEY=") < template.index("#FORM_KEY=")
    assert "#FORM_COLOR=blue" in template
