import pytest

from clientflow_core.errors import SettingsError
from clientflow_core.settings import load_settings
from clientflow_plugins.smtp.settings import Security, SmtpSettings, own_addresses

USUAL = {"SMTP_HOST": "smtp.example.com", "SMTP_FROM": "Salon@Example.com"}


def test_what_is_not_set_is_safe() -> None:
    settings = load_settings(SmtpSettings, USUAL)
    assert (settings.port, settings.security) == (587, Security.STARTTLS)
    assert settings.intake_port is None
    assert own_addresses(settings) == ("salon@example.com",)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"SMTP_FROM": "salon@localhost"}, "SMTP_FROM"),
        ({"SMTP_USERNAME": "salon"}, "SMTP_PASSWORD"),
        ({"SMTP_PASSWORD": "x"}, "SMTP_PASSWORD"),
        (
            {"SMTP_SECURITY": "none", "SMTP_USERNAME": "a", "SMTP_PASSWORD": "b"},
            "SMTP_SECURITY",
        ),
        ({"SMTP_PORT": "70000"}, "SMTP_PORT"),
        ({"SMTP_INTAKE_PORT": "2525"}, "SMTP_INTAKE_URL"),
        ({"SMTP_INTAKE_URL": "ftp://x"}, "SMTP_INTAKE_URL"),
    ],
)
def test_what_does_not_fit_together_is_told(values: dict[str, str], name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(SmtpSettings, USUAL | values)
    assert name in {problem.env for problem in caught.value.problems}


def test_to_this_machine_a_password_may_go_as_it_is() -> None:
    values = {"SMTP_SECURITY": "none", "SMTP_USERNAME": "a", "SMTP_PASSWORD": "b"}
    settings = load_settings(SmtpSettings, USUAL | values | {"SMTP_HOST": "127.0.0.1"})
    assert settings.username == "a"
