"""What can be told of the project at Supabase, for the checklist."""

from typing import Final
from urllib.parse import urlsplit

from clientflow_core.contributions.checks import (
    CheckContext,
    CheckResult,
    CheckSpec,
    failed,
    passed,
    skipped,
)
from clientflow_core.errors import AuthFailed
from clientflow_plugins.supabase.api import AuthApi
from clientflow_plugins.supabase.settings import (
    SupabaseSettings,
    admin_key,
    is_legacy,
    public_key,
)

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_OLD: Final = "works, and is of the old kind, which Supabase gives up at the end of 2026"
_SETTINGS: Final = "https://supabase.com/dashboard/project/_/settings"
_MAKE_NEW: Final = f"make a new one at {_SETTINGS}/api-keys"


async def check_keys(context: CheckContext) -> CheckResult:
    """Fetch the public keys by which tokens are checked."""
    expected = "an address by https that gives the project's signing keys"
    settings = context.settings(SupabaseSettings)
    parts = urlsplit(settings.url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        return failed(
            f"{parts.hostname} by http", expected=expected, hint="set SUPABASE_URL to the https one"
        )
    found = await AuthApi(context.http, settings).get("/.well-known/jwks.json")
    listed = found.get("keys")
    count = len(listed) if isinstance(listed, list) else 0
    if count == 0 and settings.jwt_secret is None:
        hint = f"change to signing keys at {_SETTINGS}/jwt, or set SUPABASE_JWT_SECRET"
        return failed("no signing keys, and no shared secret", expected=expected, hint=hint)
    return passed(f"{count} signing keys at {parts.hostname}", expected=expected)


async def check_public_key(context: CheckContext) -> CheckResult:
    """Ask with the key that pages may show."""
    settings = context.settings(SupabaseSettings)
    key = public_key(settings)
    return await _ask(context, key, "/settings", "SUPABASE_PUBLISHABLE_KEY or SUPABASE_ANON_KEY")


async def check_admin_key(context: CheckContext) -> CheckResult:
    """Ask with the key that may do everything for one user."""
    settings = context.settings(SupabaseSettings)
    names = "SUPABASE_SECRET_KEY or SUPABASE_SERVICE_ROLE_KEY"
    return await _ask(context, admin_key(settings), "/admin/users", names, per_page="1")


async def check_page_url(context: CheckContext) -> CheckResult:
    """Look at the address that pages use."""
    settings = context.settings(SupabaseSettings)
    expected = "the same as SUPABASE_URL, or not set"
    # Another one would not have been loaded.
    return passed(settings.page_url or "not set", expected=expected)


async def check_page_key(context: CheckContext) -> CheckResult:
    """Ask with the key that pages use, if it is set."""
    key = context.settings(SupabaseSettings).page_key
    return await _ask(context, key, "/settings", "NEXT_PUBLIC_SUPABASE_ANON_KEY")


CHECKS: Final = (
    CheckSpec(id="EA4", title="Supabase's project gives its signing keys", run=check_keys),
    CheckSpec(id="EA5", title="Supabase takes the key that pages may show", run=check_public_key),
    CheckSpec(id="EA6", title="Supabase takes the secret key", run=check_admin_key),
    CheckSpec(id="EW1", title="Pages use the same project of Supabase", run=check_page_url),
    CheckSpec(id="EW2", title="Pages show a key of Supabase that may be seen", run=check_page_key),
)


async def _ask(
    context: CheckContext, key: str | None, path: str, names: str, **query: str
) -> CheckResult:
    expected = "a key of the project, of the new kind"
    if key is None:
        return skipped(
            "not set",
            expected=expected,
            hint=f"set {names} if it is needed; see {_SETTINGS}/api-keys",
        )
    try:
        settings = context.settings(SupabaseSettings)
        await AuthApi(context.http, settings).get(path, key=key, **query)
    except AuthFailed as error:
        return failed(str(error), expected=expected, hint=f"copy {names} anew: {_MAKE_NEW}")
    if is_legacy(key):
        return passed(_OLD, expected=expected, hint=_MAKE_NEW)
    return passed("a key of the new kind, which works", expected=expected)
