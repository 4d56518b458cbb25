import enum
import os
import re
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientflow_core.errors import SettingProblem, SettingsError
from clientflow_core.secret import Secret
from clientflow_core.settings import (
    Completeness,
    completeness,
    load_all,
    load_settings,
    read_sources,
    setting,
    setting_fields,
)


class Region(enum.Enum):
    EUROPE = "eu"
    AMERICA = "us"


@attrs.frozen(kw_only=True)
class Everything:
    """One setting of each type."""

    text: str = setting(env="X_TEXT", help="a text", pattern="[a-z]{3}", example="abc")
    token: Secret = setting(env="X_TOKEN", help="a token", console_url="https://console.example")
    count: int = setting(env="X_COUNT", help="a count")
    ratio: float = setting(env="X_RATIO", help="a ratio")
    is_on: bool = setting(env="X_ON", help="a switch")
    region: Region = setting(env="X_REGION", help="a region")
    folder: Path = setting(env="X_FOLDER", help="a folder")
    names: tuple[str, ...] = setting(env="X_NAMES", help="names")
    spare: Secret | None = setting(env="X_SPARE", help="a spare", default=None)
    port: typing.Optional[int] = setting(env="X_PORT", help="a port", default=None)  # noqa: UP045
    lane: str = setting(env="X_LANE", help="a lane", default="slow")


GOOD = {
    "X_TEXT": "abc",
    "X_TOKEN": "t0ken",
    "X_COUNT": "12",
    "X_RATIO": "0.5",
    "X_ON": "yes",
    "X_REGION": "us",
    "X_FOLDER": "/var/lib/x",
    "X_NAMES": "a, b,,c ",
}


def message_of(values: dict[str, str], *, settings_class: type = Everything) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(settings_class, values)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return str(caught.value)


# --- where the values come from


def test_environment_wins_over_dotenv_and_dotenv_over_the_secrets_folder(tmp_path: Path) -> None:
    dotenv, folder = tmp_path / ".env", tmp_path / "secrets"
    folder.mkdir()
    for name in ("A", "B", "C"):
        (folder / name).write_text("from folder\n")
    dotenv.write_text("A=from dotenv\nB=from dotenv\n")
    values = read_sources({"A": "from environment"}, dotenv=dotenv, secrets_folder=folder)
    assert values == {"A": "from environment", "B": "from dotenv", "C": "from folder"}


def test_empty_value_counts_as_not_set_in_every_source(tmp_path: Path) -> None:
    dotenv, folder = tmp_path / ".env", tmp_path / "secrets"
    folder.mkdir()
    (folder / "A").write_text("kept")
    (folder / "B").write_text(" \n")
    dotenv.write_text("A=\nB=\nC\nD=first\nD=\n")
    assert read_sources({"A": "", "C": ""}, dotenv=dotenv, secrets_folder=folder) == {"A": "kept"}
    assert "X_TEXT: is not set" in message_of(GOOD | {"X_TEXT": ""})


def test_sources_that_are_not_there_are_no_error(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert read_sources({"A": "1"}, dotenv=gone, secrets_folder=gone) == {"A": "1"}
    assert read_sources({"A": "1"}) == {"A": "1"}


def test_dotenv_is_taken_as_written(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(
        "\ufeffA=1\n# a comment\nexport B='p$A ss' # said\nC=\"two\nlines\"\nD=${A}#x\n", "utf-8"
    )
    values = read_sources({"A": ""}, dotenv=dotenv)
    assert values == {"A": "1", "B": "p$A ss", "C": "two\nlines", "D": "${A}#x"}


def test_secrets_folder_as_kubernetes_mounts_it(tmp_path: Path) -> None:
    real = tmp_path / "..2026_11_01"
    real.mkdir()
    (real / "X_TOKEN").write_bytes(b"\xef\xbb\xbft0ken\r\n")
    (tmp_path / "..data").symlink_to(real)
    (tmp_path / "X_TOKEN").symlink_to(tmp_path / "..data" / "X_TOKEN")
    (tmp_path / "X_GONE").symlink_to(tmp_path / "nowhere")
    (tmp_path / "A_FOLDER").mkdir()
    # No variable can be called so; it is somebody else's.
    (tmp_path / "keystore.p12").write_bytes(b"\xff\xfe\x00")
    assert read_sources({}, secrets_folder=tmp_path) == {"X_TOKEN": "t0ken"}


def test_files_that_cannot_be_read_are_all_named_and_not_shown(tmp_path: Path) -> None:
    dotenv, folder = tmp_path / ".env", tmp_path / "secrets"
    folder.mkdir()
    (folder / "X_TEXT").write_bytes(b"hush\xff")
    (folder / "X_TOKEN").write_bytes("hush".encode("utf-16"))
    dotenv.write_bytes(b"A=hush\xe9\n")
    with pytest.raises(SettingsError) as caught:
        read_sources({"A": "1"}, dotenv=dotenv, secrets_folder=folder)
    assert caught.value.__context__ is None
    text = str(caught.value)
    for file in (dotenv, folder / "X_TEXT", folder / "X_TOKEN"):
        assert f"{file}: is not UTF-8 text (save it as UTF-8, or take it away)" in text
    assert "hush" not in repr(caught.value)


def test_line_of_dotenv_that_is_no_setting_is_named_and_not_shown(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("A=1\nB='hush\nC: hush\n")
    with pytest.raises(SettingsError) as caught:
        read_sources({}, dotenv=dotenv)
    text = str(caught.value)
    assert f"{dotenv}: line 2 is not NAME=value (a value that begins with a quote" in text
    assert f"{dotenv}: line 3 is not NAME=value" in text
    assert "hush" not in text


def test_places_of_the_wrong_kind_are_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(SettingsError) as caught:
        read_sources({}, dotenv=tmp_path, secrets_folder=file)
    assert f"{tmp_path}: cannot be read: Is a directory" in str(caught.value)
    assert f"{file}: cannot be read: Not a directory" in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user who may not read")
def test_files_that_the_user_may_not_read_are_named(tmp_path: Path) -> None:
    dotenv, folder, closed = tmp_path / ".env", tmp_path / "secrets", tmp_path / "closed"
    for made in (folder, closed):
        made.mkdir()
    for file in (dotenv, folder / "A"):
        file.write_text("hush")
        file.chmod(0o000)
    closed.chmod(0o000)
    # By relative paths, since pytest's own folders are closed to other users.
    program = f"""
import os
from pathlib import Path
from clientflow_core.errors import SettingsError
from clientflow_core.settings import read_sources
os.chdir({str(tmp_path)!r})
os.setgid(65534); os.setuid(65534)
for folder in ("secrets", "closed"):
    try:
        read_sources({{}}, dotenv=Path(".env"), secrets_folder=Path(folder))
    except SettingsError as error:
        print(error)
"""
    tmp_path.chmod(0o755)
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    denied = "cannot be read: Permission denied (let the user of this process read it"
    for path in (".env", "secrets/A", "closed"):
        assert f"{path}: {denied}" in ended.stdout
    assert "hush" not in ended.stdout


# --- what is made of them


def test_every_type_is_converted() -> None:
    assert load_settings(Everything, GOOD) == Everything(
        text="abc",
        token=Secret("t0ken"),
        count=12,
        ratio=0.5,
        is_on=True,
        region=Region.AMERICA,
        folder=Path("/var/lib/x"),
        names=("a", "b", "c"),
        spare=None,
        port=None,
        lane="slow",
    )


def test_optional_settings_are_converted_where_they_are_set() -> None:
    values = GOOD | {"X_SPARE": "sp4re", "X_PORT": "8080", "X_LANE": "slow"}
    loaded = load_settings(Everything, values)
    assert loaded.spare == Secret("sp4re")
    assert loaded.port == 8080
    assert loaded.lane == "slow"


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("1", True), ("Yes", True), ("FALSE", False), ("0", False), (" no ", False)],
)
def test_switch_is_read_from_the_usual_words(text: str, value: object) -> None:
    assert load_settings(Everything, GOOD | {"X_ON": text}).is_on is value


def test_folder_may_begin_with_the_home() -> None:
    assert load_settings(Everything, GOOD | {"X_FOLDER": "~/x"}).folder == Path.home() / "x"


@pytest.mark.parametrize(
    ("env", "value", "problem"),
    [
        ("X_TEXT", "abcd", "does not look right: it must match [a-z]{3} (a text; for example abc)"),
        ("X_TEXT", "abc\n", "does not look right"),
        ("X_COUNT", "1.5", "is not a whole number (a count)"),
        ("X_COUNT", "many", "is not a whole number"),
        ("X_RATIO", "half", "is not a number (a ratio)"),
        ("X_RATIO", "nan", "is not a number"),
        ("X_RATIO", "-inf", "is not a number"),
        ("X_ON", "perhaps", "is not yes or no (true, false, 1, 0) (a switch)"),
        ("X_REGION", "EUROPE", "is not one of eu, us (a region)"),
        ("X_PORT", "http", "is not a whole number (a port)"),
        ("X_FOLDER", "~nobody-of-this-name/x", "is not readable (a folder)"),
    ],
)
def test_malformed_value_is_named_with_what_it_should_be(
    env: str, value: str, problem: str
) -> None:
    text = message_of(GOOD | {env: value})
    assert f"1 setting is not usable:\n  {env}: {problem}" in text
    if env != "X_RATIO":
        assert value not in text


def test_every_missing_setting_is_listed_with_where_to_find_it() -> None:
    text = message_of({})
    assert text.startswith("8 settings are not usable:\n")
    for env in GOOD:
        assert f"\n  {env}: is not set (" in text
    assert "X_TOKEN: is not set (a token; see https://console.example)" in text
    assert "X_SPARE" not in text


@attrs.frozen(kw_only=True)
class Pair:
    """Two settings of which one is enough, beside another."""

    one: str | None = setting(env="P_ONE", help="one", default=None)
    other: str | None = setting(env="P_OTHER", help="the other", default=None)
    both: int = setting(env="P_BOTH", help="both", default=0)

    def check(self) -> Iterator[SettingProblem]:
        if not (self.one or self.other):
            yield SettingProblem("P_ONE", "is not set", "or set P_OTHER")
        if self.both < 0:
            yield SettingProblem("P_BOTH", "must not be negative")


def test_rules_between_settings_are_checked_and_all_reported() -> None:
    assert load_settings(Pair, {"P_OTHER": "x"}).other == "x"
    text = message_of({"P_BOTH": "-1"}, settings_class=Pair)
    assert "P_ONE: is not set (or set P_OTHER)" in text
    assert "P_BOTH: must not be negative" in text


def test_problems_of_several_classes_are_reported_at_once_and_each_once() -> None:
    @attrs.frozen
    class Third:
        token: Secret = setting(
            env="X_TOKEN", help="a token", console_url="https://console.example"
        )

    values = {k: v for k, v in GOOD.items() if k != "X_TOKEN"} | {"X_COUNT": "x", "P_BOTH": "-1"}
    with pytest.raises(SettingsError) as caught:
        load_all([Everything, Pair, Third, Pair], values)
    assert [problem.env for problem in caught.value.problems] == [
        "X_TOKEN",
        "X_COUNT",
        "P_ONE",
        "P_BOTH",
    ]


def test_several_classes_are_loaded_together() -> None:
    loaded = load_all([Everything, Pair], GOOD | {"P_ONE": "1"})
    assert loaded[Everything].text == "abc"
    assert loaded[Pair].one == "1"


ENVS = sorted({*GOOD, "X_PORT"} - {"X_TOKEN", "X_FOLDER", "X_NAMES"})
unlikely = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(lambda t: f"k7Q{t}k7Q")


@given(st.sampled_from(ENVS), unlikely)
def test_no_value_is_ever_in_the_message(env: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(Everything, GOOD | {env: value})
    assert env in str(caught.value)
    for text in (str(caught.value), repr(caught.value)):
        assert value not in text
        assert "k7Q" not in text


def outcome_of(values: dict[str, str]) -> Everything | SettingsError:
    try:
        return load_settings(Everything, values)
    except SettingsError as error:
        return error


@given(st.dictionaries(st.sampled_from([*GOOD, "X_SPARE", "X_PORT"]), unlikely))
def test_loading_anything_gives_settings_or_the_names_of_settings(values: dict[str, str]) -> None:
    outcome = outcome_of(GOOD | values)
    if isinstance(outcome, SettingsError):
        assert {problem.env for problem in outcome.problems} <= values.keys()
        assert "k7Q" not in repr(outcome)
    else:
        assert outcome.token.reveal() == (GOOD | values)["X_TOKEN"]
        assert (outcome.spare and outcome.spare.reveal()) == values.get("X_SPARE")


# --- how much is set


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, Completeness.NONE),
        (dict.fromkeys(GOOD, ""), Completeness.NONE),
        ({"OTHER": "1"}, Completeness.NONE),
        ({"X_TEXT": "abc"}, Completeness.HALF),
        ({"X_SPARE": "abc"}, Completeness.HALF),
        (GOOD | {"X_TOKEN": ""}, Completeness.HALF),
        (GOOD, Completeness.COMPLETE),
        (GOOD | {"X_COUNT": "malformed"}, Completeness.COMPLETE),
    ],
)
def test_completeness_counts_what_is_set(values: dict[str, str], expected: Completeness) -> None:
    assert completeness(Everything, values) is expected


def test_class_that_requires_nothing_is_complete() -> None:
    assert completeness(Pair, {}) is Completeness.COMPLETE


@given(st.sets(st.sampled_from(sorted(GOOD)), min_size=1).filter(lambda s: len(s) < len(GOOD)))
def test_half_set_class_is_an_error_that_names_what_is_missing(names: set[str]) -> None:
    values = {name: GOOD[name] for name in names}
    assert completeness(Everything, values) is Completeness.HALF
    missing = set(re.findall(r"(X_\w+): is not set", message_of(values)))
    assert missing == GOOD.keys() - names


# --- how a class is declared


def test_fields_are_listed_in_order_with_what_is_known_of_them() -> None:
    fields = setting_fields(Everything)
    assert [field.setting.env for field in fields][:3] == ["X_TEXT", "X_TOKEN", "X_COUNT"]
    assert {field.name for field in fields if field.is_secret} == {"token", "spare"}
    assert {field.name for field in fields if not field.is_required} == {"spare", "port", "lane"}
    assert fields[0].setting.pattern == "[a-z]{3}"


def test_fields_that_are_no_settings_are_left_alone() -> None:
    @attrs.frozen(kw_only=True)
    class Mixed:
        _hidden: int = setting(env="M_HIDDEN", help="hidden")
        made: list[int] = attrs.field(factory=list)

    assert [field.name for field in setting_fields(Mixed)] == ["hidden"]
    assert load_settings(Mixed, {"M_HIDDEN": "3"})._hidden == 3


def test_types_may_be_written_as_text_and_inherited() -> None:
    @attrs.frozen(kw_only=True)
    class Later(Pair):
        count: "int | None" = setting(env="L_COUNT", help="count", default=None)

    loaded = load_settings(Later, {"P_ONE": "x", "L_COUNT": "4"})
    assert (loaded.one, loaded.count) == ("x", 4)


@pytest.mark.parametrize("value", ["1", "x"])
def test_setting_of_two_types_is_a_mistake_of_its_author(value: str) -> None:
    @attrs.frozen
    class Ambiguous:
        both: int | str = setting(env="A_BOTH", help="both")

    with pytest.raises(TypeError, match="of one type"):
        load_settings(Ambiguous, {"A_BOTH": value})
