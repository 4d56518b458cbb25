import inspect

from clientflow_core.hookspecs import PROJECT, Hooks


def test_every_hook_has_the_prefix_and_says_what_it_gives() -> None:
    hooks = dict(inspect.getmembers(Hooks, inspect.isfunction))
    assert hooks
    for name, hook in hooks.items():
        assert name.startswith(f"{PROJECT}_")
        assert hasattr(hook, f"{PROJECT}_spec"), name
        assert inspect.getdoc(hook), name


def test_hook_that_a_plugin_does_not_implement_gives_nothing() -> None:
    assert list(Hooks().clientflow_channels()) == []
