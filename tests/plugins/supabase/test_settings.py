import base64
import json
from collections.abc import Mapping

import pytest

from clientflow_core.errors import SettingsError
from clientflow_core.settings import load_settings
from clientflow_plugins.supabase.settings import (
    SupabaseSettings,
    admin_key,
    auth_url,
    public_key,
    role_of,
)

URL = {"SUPABASE_URL": "https://abc.supabase.co/"}


def old_key(role: object) -> str:
    claims = json.dumps({"iss": "supabase", "role": role}, separators=(",", ":")).encode()
    return f"eyJhbGciOiJIUzI1NiJ9.{base64.urlsafe_b64encode(claims).rstrip(b'=').decode()}.c2ln"


def load(**values: str) -> SupabaseSettings:
    return load_settings(SupabaseSettings, URL | values)


@pytest.mark.parametrize(
    ("values", "public", "admin"),
    [
        ({}, None, None),
        ({"SUPABASE_ANON_KEY": old_key("anon")}, old_key("anon"), None),
        ({"SUPABASE_ANON_KEY": "sb_publishable_a"}, "sb_publishable_a", None),
        ({"SUPABASE_PUBLISHABLE_KEY": "sb_publishable_a"}, "sb_publishable_a", None),
        ({"SUPABASE_SERVICE_ROLE_KEY": old_key("service_role")}, None, old_key("service_role")),
        ({"SUPABASE_SECRET_KEY": "sb_secret_a"}, None, "sb_secret_a"),
        (
            {"SUPABASE_SERVICE_ROLE_KEY": "sb_secret_a", "SUPABASE_SECRET_KEY": "sb_secret_a"},
            None,
            "sb_secret_a",
        ),
    ],
)
def test_keys_are_taken_by_old_names_and_new(
    values: Mapping[str, str], public: str | None, admin: str | None
) -> None:
    settings = load(**values)
    assert (public_key(settings), admin_key(settings)) == (public, admin)
    assert auth_url(settings) == "https://abc.supabase.co/auth/v1"


@pytest.mark.parametrize(
    ("values", "env"),
    [
        ({"SUPABASE_URL": "abc.supabase.co"}, "SUPABASE_URL"),
        ({"SUPABASE_ANON_KEY": "sb_secret_a"}, "SUPABASE_ANON_KEY"),
        ({"SUPABASE_ANON_KEY": old_key("service_role")}, "SUPABASE_ANON_KEY"),
        ({"SUPABASE_SECRET_KEY": "sb_publishable_a"}, "SUPABASE_SECRET_KEY"),
        ({"SUPABASE_SECRET_KEY": old_key("anon")}, "SUPABASE_SECRET_KEY"),
        ({"SUPABASE_SERVICE_ROLE_KEY": old_key("anon")}, "SUPABASE_SERVICE_ROLE_KEY"),
        ({"SUPABASE_JWT_SECRET": "hunter2"}, "SUPABASE_JWT_SECRET"),
        ({"NEXT_PUBLIC_SUPABASE_URL": "https://b.supabase.co"}, "NEXT_PUBLIC_SUPABASE_URL"),
        (
            {"NEXT_PUBLIC_SUPABASE_ANON_KEY": old_key("service_role")},
            "NEXT_PUBLIC_SUPABASE_ANON_KEY",
        ),
        (
            {
                "SUPABASE_ANON_KEY": "sb_publishable_a",
                "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_b",
            },
            "SUPABASE_ANON_KEY",
        ),
    ],
)
def test_wrong_key_is_named_and_never_shown(values: Mapping[str, str], env: str) -> None:
    with pytest.raises(SettingsError, match=env) as caught:
        load(**values)
    assert values[env] not in str(caught.value).replace(env, "")


@pytest.mark.parametrize(
    "key", ["", "a", "a.b", "a.!.c", "a.bm9uZQ.c", "a.W10.c", old_key(7), "sb_secret_a.b"]
)
def test_key_that_says_nothing_of_itself_has_no_role(key: str) -> None:
    assert role_of(key) is None
