import re
import sys
from importlib.metadata import EntryPoint

import pytest

from clientflow_core.errors import PluginError, SettingsError
from clientflow_core.hookspecs import ENTRY_POINT_GROUP
from clientflow_core.registry.finding import discover_plugins
from tests.core.registry.conftest import Install


def refusal(*names: str) -> str:
    """Discover the plugins *names* and give the words of the refusal."""
    with pytest.raises(PluginError) as caught:
        discover_plugins(names=names)
    return str(caught.value)


def test_installed_plugin_is_found_with_its_specs_and_its_distribution(install: Install) -> None:
    install("sms", specs='[spec("sms", ["sms-in"]), spec("fax")]', distribution="sms-of-ours")
    (found,) = discover_plugins(names=["sms"])
    assert (found.name, found.distribution, found.version) == ("sms", "sms-of-ours", "1.2")
    assert [spec.name for spec in found.specs] == ["sms", "fax"]
    assert found.source == "the plugin 'sms' of sms-of-ours 1.2"


def test_without_names_every_installed_plugin_is_found_in_the_order_of_names(
    install: Install,
) -> None:
    install("zebra", specs='[spec("zebra")]')
    install("aardvark", specs='[spec("aardvark")]')
    found = [plugin.name for plugin in discover_plugins()]
    assert found == sorted(found)
    assert {"aardvark", "twilio", "zebra"} <= set(found)


def test_our_own_plugins_are_found_as_everybodys_are() -> None:
    (found,) = discover_plugins(names=["twilio"])
    assert found.distribution == "clientflow"
    assert [spec.name for spec in found.specs] == ["twilio"]


def test_specs_may_come_from_a_generator_and_from_no_hook_at_all(install: Install) -> None:
    install(
        "lazy",
        body="""
        class Plugin(Hooks):
            @hookimpl
            def clientflow_channels(self):
                yield spec("one")
                yield spec("two")

        plugin = Plugin()
        """,
    )
    install("empty", body="class Plugin(Hooks):\n    pass\n\nplugin = Plugin()\n")
    empty, lazy = discover_plugins(names=["lazy", "empty"])
    assert [spec.name for spec in lazy.specs] == ["one", "two"]
    assert empty.specs == ()


def test_entry_points_may_be_given_by_hand() -> None:
    point = EntryPoint("here", "clientflow_plugins.twilio:plugin", ENTRY_POINT_GROUP)
    (found,) = discover_plugins([point])
    assert (found.name, found.distribution, found.version) == ("here", None, "unknown")
    assert found.source == "the plugin 'here'"


# --- only those that are named


def test_broken_plugin_that_is_not_named_is_not_even_imported(install: Install) -> None:
    install("good", specs='[spec("good")]')
    install("broken", body="raise RuntimeError('imported')")
    assert [plugin.name for plugin in discover_plugins(names=["good"])] == ["good"]
    assert "broken_dist" not in sys.modules
    with pytest.raises(PluginError, match="'broken'"):
        discover_plugins()


def test_duplicates_that_are_not_named_are_in_nobodys_way(install: Install) -> None:
    install("sms", distribution="one")
    install("sms", distribution="two")
    install("good", specs='[spec("good")]')
    assert [plugin.name for plugin in discover_plugins(names=["good"])] == ["good"]


def test_no_names_at_all_find_nothing() -> None:
    assert list(discover_plugins(names=[])) == []


def test_names_that_are_not_installed_are_told_with_those_that_are(install: Install) -> None:
    install("good", specs='[spec("good")]')
    with pytest.raises(SettingsError) as caught:
        discover_plugins(names=["good", "goot", "bad"])
    words = (
        r"CLIENTFLOW_PLUGINS: names goot, bad; installed are: .*good.*twilio.*\(correct the name"
    )
    assert re.search(words, str(caught.value))
    assert "good_dist" not in sys.modules


def test_where_nothing_is_installed_the_error_says_so() -> None:
    with pytest.raises(SettingsError, match="installed are: none"):
        discover_plugins([], names=["sms"])


# --- plugins that break the rules; each row: the module, and what the message must say

BROKEN = {
    "misspelt hook": (
        """
        class Plugin(Hooks):
            @hookimpl
            def clientflow_chanels(self):
                return [spec("bad")]

        plugin = Plugin()
        """,
        ["breaks the rules of registration", "unknown hook 'clientflow_chanels'"],
    ),
    "hook without its mark": (
        """
        class Plugin(Hooks):
            def clientflow_channels(self):
                return [spec("bad")]

        plugin = Plugin()
        """,
        ["mark clientflow_channels with @hookimpl"],
    ),
    "misspelt hook without its mark": (
        """
        class Plugin(Hooks):
            def clientflow_chanels(self):
                return [spec("bad")]

        plugin = Plugin()
        """,
        ["mark clientflow_chanels with @hookimpl"],
    ),
    "specs where the hook should be": (
        """
        class Plugin(Hooks):
            clientflow_channels = [spec("bad")]

        plugin = Plugin()
        """,
        ["mark clientflow_channels with @hookimpl"],
    ),
    "async hook": (
        """
        class Plugin(Hooks):
            @hookimpl
            async def clientflow_channels(self):
                return [spec("bad")]

        plugin = Plugin()
        """,
        ["clientflow_channels must be a plain function, not async"],
    ),
    "async generator": (
        """
        class Plugin(Hooks):
            @hookimpl
            async def clientflow_channels(self):
                yield spec("bad")

        plugin = Plugin()
        """,
        ["clientflow_channels must be a plain function, not async"],
    ),
    "wrong argument": (
        """
        class Plugin(Hooks):
            @hookimpl
            def clientflow_channels(self, settings):
                return [spec("bad")]

        plugin = Plugin()
        """,
        ["breaks the rules of registration", "clientflow_channels", "settings"],
    ),
    "wrapper": (
        """
        class Plugin(Hooks):
            @hookimpl(wrapper=True)
            def clientflow_channels(self):
                return (yield)

        plugin = Plugin()
        """,
        ["clientflow_channels wraps the hook of others"],
    ),
    "nothing returned": (
        """
        class Plugin(Hooks):
            @hookimpl
            def clientflow_channels(self):
                [spec("bad")]

        plugin = Plugin()
        """,
        ["must give a list of ProviderSpec, and gives NoneType"],
    ),
    "one spec instead of a list": (
        """
        class Plugin(Hooks):
            @hookimpl
            def clientflow_channels(self):
                return spec("bad")

        plugin = Plugin()
        """,
        ["must give a list of ProviderSpec, and gives ProviderSpec"],
    ),
    "something that is no spec": (
        """
        class Plugin(Hooks):
            @hookimpl
            def clientflow_channels(self):
                return [spec("bad"), "twilio"]

        plugin = Plugin()
        """,
        ["must give a list of ProviderSpec, and 'twilio' is none"],
    ),
    "spec of another kind": (
        """
        class Plugin(Hooks):
            @hookimpl
            def clientflow_billing(self):
                return [spec("bad")]

        plugin = Plugin()
        """,
        ["clientflow_billing gives 'bad', whose kind is channel, not billing"],
    ),
    "hook that raises": (
        """
        class Plugin(Hooks):
            @hookimpl
            def clientflow_channels(self):
                raise KeyError("no home")

        plugin = Plugin()
        """,
        ["failed when it was asked what it brings", "KeyError('no home')"],
    ),
    "hook that raises half-way": (
        """
        class Plugin(Hooks):
            @hookimpl
            def clientflow_channels(self):
                yield spec("bad")
                raise KeyError("no home")

        plugin = Plugin()
        """,
        ["failed when it was asked what it brings", "KeyError('no home')"],
    ),
    "class instead of an instance": (
        "class plugin(Hooks):\n    pass\n",
        ["must name an instance", "clientflow_core.hookspecs.Hooks", "<class 'bad_dist.plugin'>"],
    ),
    "something else": ("plugin = object()\n", ["must name an instance", "<object object"]),
    "nothing of that name": ("plug = 1\n", ["cannot be imported", "AttributeError", "plugin"]),
    "missing import": (
        "import no_such_library\n",
        ["cannot be imported", "ModuleNotFoundError", "no_such_library"],
    ),
    "syntax error": ("def\n", ["cannot be imported", "SyntaxError"]),
    "failing import": ("1 / 0\n", ["cannot be imported", "ZeroDivisionError"]),
    "settings that are no attrs class": (
        "class Settings:\n    pass\n\nsettings_class = lambda name: Settings\nspec('bad')\n",
        ["cannot be imported", "settings of a provider are an attrs class"],
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_plugin_that_breaks_a_rule_is_refused_with_whose_it_is_and_what_to_do(
    install: Install, case: str
) -> None:
    body, expected = BROKEN[case]
    install("bad", body=body, version="0.9")
    text = refusal("bad")
    assert text.startswith("the plugin 'bad' of bad-dist 0.9 ")
    assert text.endswith("; mend it, uninstall it, or name only the others in CLIENTFLOW_PLUGINS")
    for words in expected:
        assert words in text


def test_refusal_keeps_the_cause(install: Install) -> None:
    install("bad", body="1 / 0")
    with pytest.raises(PluginError) as caught:
        discover_plugins(names=["bad"])
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


# --- names that two have in common


def test_two_plugins_of_one_name_are_refused_with_both_distributions(install: Install) -> None:
    install("sms", specs='[spec("one")]', distribution="one")
    install("sms", specs='[spec("two")]', distribution="two", version="7")
    text = refusal("sms")
    for words in ("plugin named 'sms'", "one 1.2", "two 7", "uninstall one"):
        assert words in text


@pytest.mark.parametrize(
    ("what", "of_one", "of_two"),
    [
        ("provider named 'same'", '[spec("same")]', '[spec("other"), spec("same")]'),
        ("webhook named 'same'", '[spec("one", ["same"])]', '[spec("two", ["x", "same"])]'),
    ],
)
def test_two_plugins_that_bring_the_same_are_refused_with_both(
    install: Install, what: str, of_one: str, of_two: str
) -> None:
    install("first", specs=of_one)
    install("second", specs=of_two)
    text = refusal("second", "first")
    assert text == (
        "the plugin 'first' of first-dist 1.2 and the plugin 'second' of second-dist 1.2"
        f" both bring a {what}; uninstall one, or name only the other in CLIENTFLOW_PLUGINS"
    )
    assert len(discover_plugins(names=["first"])) == 1


@pytest.mark.parametrize(
    ("what", "specs"),
    [
        ("two providers named 'same'", '[spec("same"), spec("same")]'),
        ("two webhooks named 'same'", '[spec("one", ["same", "same"])]'),
    ],
)
def test_plugin_that_brings_the_same_twice_is_refused(
    install: Install, what: str, specs: str
) -> None:
    install("sms", specs=specs)
    assert refusal("sms") == f"the plugin 'sms' of sms-dist 1.2 brings {what}; rename one"
