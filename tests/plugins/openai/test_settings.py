"""What may be set."""

import pytest

from clientflow_core.errors import SettingsError
from clientflow_core.registry.organizations import load_for_organization
from clientflow_core.settings import load_settings
from clientflow_plugins.openai.settings import API_URL, OpenAISettings
from clientflow_plugins.openai.spec import OPENAI

KEY = {"OPENAI_API_KEY": "sk-proj-x"}


def test_a_key_is_enough() -> None:
    settings = load_settings(OpenAISettings, KEY)
    assert settings.api_url == API_URL
    assert (settings.model, settings.chat_completions) == ("gpt-6-luna", False)
    assert "sk-proj-x" not in repr(settings)


def test_another_server_needs_no_slash() -> None:
    settings = load_settings(OpenAISettings, KEY | {"OPENAI_BASE_URL": "http://localhost:1/v1/"})
    assert settings.api_url == "http://localhost:1/v1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENAI_API_KEY", "two words"),
        ("OPENAI_MODEL", "a model"),
        ("OPENAI_REASONING_EFFORT", "much"),
        ("OPENAI_BASE_URL", "ftp://a.example"),
        ("OPENAI_BASE_URL", "https://key@a.example/v1"),
        ("OPENAI_CHAT_COMPLETIONS", "perhaps"),
    ],
)
def test_what_cannot_be_right_is_told_by_its_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        load_settings(OpenAISettings, KEY | {name: value})
    assert value not in str(caught.value)


def test_a_budget_is_in_whole_dollars_of_a_model_whose_price_is_known() -> None:
    settings = load_settings(OpenAISettings, KEY | {"OPENAI_MONTHLY_BUDGET": "20"})
    assert OPENAI.monthly_budget(settings) == 20
    assert OPENAI.monthly_budget(load_settings(OpenAISettings, KEY)) is None
    for more in (
        {"OPENAI_MONTHLY_BUDGET": "0"},
        {"OPENAI_MONTHLY_BUDGET": "1.50"},
        {"OPENAI_MONTHLY_BUDGET": "20", "OPENAI_MODEL": "gpt-4.1-mini"},
    ):
        with pytest.raises(SettingsError, match="OPENAI_MONTHLY_BUDGET"):
            load_settings(OpenAISettings, KEY | more)


def test_the_operators_budget_is_not_raised_by_who_uses_its_key() -> None:
    values = KEY | {"OPENAI_MONTHLY_BUDGET": "20"}
    with pytest.raises(SettingsError, match="OPENAI_API_KEY"):
        load_for_organization(OpenAISettings, values, own={"OPENAI_MONTHLY_BUDGET": "1000"})
    own = load_for_organization(OpenAISettings, values, own={"OPENAI_API_KEY": "sk-theirs"})
    assert own.monthly_budget is None
