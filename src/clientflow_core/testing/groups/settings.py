"""Settings: what is wrong is told at once and by name, and a secret is never seen."""

import contextlib
from typing import Any, Final

import attrs
from hypothesis import strategies as st

from clientflow_core.errors import SettingsError
from clientflow_core.secret import Secret
from clientflow_core.settings import SettingField, load_settings, setting_fields
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.conformance import Conformance
from clientflow_core.testing.strategies import plain_type, setting_text

_PRIVATE_WORDS: Final = frozenset({"TOKEN", "SECRET", "PASSWORD", "KEY", "PASSPHRASE", "DSN"})
_PUBLIC_WORDS: Final = frozenset({"PUBLIC", "PUBLISHABLE", "ID"})
# No setting of a pattern, a number or a choice takes it; long enough not to be there by chance.
_JUNK: Final = "\u2603 no-such-value-9371"
_SECRETS: Final = st.text("abcdefghijkmnopqrstuvwxyzABCDEFGH", min_size=12, max_size=40)


class SettingsChecks(Conformance):
    """The class of settings that the spec names."""

    @check("settings.problems-are-told-together", Tier.BRONZE)
    def test_problems_are_told_together(self) -> None:
        """Every setting that is missing or malformed is named at once, without its value."""
        fields = setting_fields(self.spec.settings)
        required = {field.setting.env for field in fields if field.is_required}
        if required:
            missing = _problems(self.spec.settings, {})
            assert missing is not None, f"without {', '.join(sorted(required))} nothing is wrong"
            lacking = required - {problem.env for problem in missing.problems}
            assert not lacking, f"missing, and not named: {', '.join(sorted(lacking))}"
        strict = {field.setting.env for field in fields if _refuses_junk(field)}
        if strict:
            wrong = _problems(self.spec.settings, dict.fromkeys(strict, _JUNK))
            assert wrong is not None, f"nothing is wrong with {_JUNK!r} for {sorted(strict)}"
            lacking = strict - {problem.env for problem in wrong.problems}
            assert not lacking, f"malformed, and not named: {', '.join(sorted(lacking))}"
            said = f"{wrong} {wrong!r}"
            assert _JUNK not in said, f"the value that is wrong is told: {said}"

    @check("settings.valid-values-are-taken", Tier.BRONZE)
    def test_valid_values_are_taken(self) -> None:
        """Whatever fits a setting's pattern and type is loaded, as it was written."""
        with self.stage() as stage:
            values = dict(stage.values)
        fields = setting_fields(self.spec.settings)
        pairs = st.sampled_from(fields).flatmap(
            lambda field: st.tuples(st.just(field), setting_text(field))
        )

        # Rules of several settings are another matter: what is generated may break those.
        alone = type("Alone", (self.spec.settings,), {"check": lambda _: ()})

        def is_taken(pair: tuple[SettingField, str]) -> None:
            field, text = pair
            name, given = field.setting.env, {**values, field.setting.env: text}
            try:
                got = _written(load_settings(alone, given), field)
                with contextlib.suppress(SettingsError):
                    load_settings(self.spec.settings, given)
            except SettingsError as error:
                msg = f"{name} refuses {text!r}, which fits its pattern and type"
                raise AssertionError(msg) from error
            except Exception as error:
                msg = f"loading raises {type(error).__name__} where {name} is {text!r}"
                raise AssertionError(msg) from error
            assert got is None or got == text, f"{name} was set to {text!r} and is {got!r}"

        if fields:
            self.hold(pairs, is_taken)

    @check("settings.secrets-are-secret", Tier.BRONZE)
    def test_secrets_are_secret(self) -> None:
        """A setting whose name says that it is private is a ``Secret``, and does not show."""
        fields = setting_fields(self.spec.settings)
        open_ones = [field.setting.env for field in fields if _is_private(field)]
        assert not open_ones, f"must be Secret: {', '.join(open_ones)}"
        secret = [field.setting for field in fields if field.is_secret]
        # Where a pattern says what a secret looks like, the sandbox knows one.
        free = [about.env for about in secret if not about.pattern]
        with self.stage() as stage:
            values = dict(stage.values)
        for about in secret:
            if values.get(about.env):
                _require_hidden(self.spec.settings, values, values[about.env])

        def stays_hidden(text: str) -> None:
            _require_hidden(self.spec.settings, values | dict.fromkeys(free, text), text)

        if free:
            self.hold(_SECRETS, stays_hidden)

    @check("settings.are-explained", Tier.SILVER)
    def test_settings_are_explained(self) -> None:
        """Each has a line of help, and a required one an example or a place where it is found."""
        for field in setting_fields(self.spec.settings):
            about = field.setting
            assert about.help.strip(), f"{about.env} has no help"
            is_found = about.example or about.console_url or not field.is_required
            assert is_found, f"{about.env} has neither an example nor a console_url"


def _problems(settings_class: type, values: dict[str, str]) -> SettingsError | None:
    try:
        load_settings(settings_class, values)
    except SettingsError as error:
        return error
    except Exception as error:
        msg = f"loading raises {type(error).__name__} instead of SettingsError"
        raise AssertionError(msg) from error
    return None


def _refuses_junk(field: SettingField) -> bool:
    kind = plain_type(field)
    return bool(field.setting.pattern) or kind in {int, float, bool}


def _is_private(field: SettingField) -> bool:
    words = set(field.setting.env.upper().split("_"))
    return not field.is_secret and bool(words & _PRIVATE_WORDS) and not words & _PUBLIC_WORDS


def _written(loaded: Any, field: SettingField) -> str | None:
    attribute = next(
        one.name for one in attrs.fields(type(loaded)) if (one.alias or one.name) == field.name
    )
    value = getattr(loaded, attribute)
    if isinstance(value, Secret):
        return value.reveal()
    return value if type(value) is str else None


def _require_hidden(settings_class: type, values: dict[str, str], secret: str) -> None:
    said = _all_that_is_said(settings_class, values)
    shown = said.replace(secret, "[the secret]")
    assert secret not in said, f"a secret is seen in what the settings say: {shown}"


def _all_that_is_said(settings_class: type, values: dict[str, str]) -> str:
    """Give the words of the settings, and of each way in which they can be wrong."""
    said = []
    try:
        loaded: Any = load_settings(settings_class, values)
        said.append(f"{loaded!r} {loaded}")
    except SettingsError as error:
        said.append(f"{error} {error!r}")
    for field in setting_fields(settings_class):
        wrong = {k: v for k, v in values.items() if k != field.setting.env}
        problems = _problems(settings_class, wrong)
        said.append(f"{problems} {problems!r}")
    return " ".join(said)
