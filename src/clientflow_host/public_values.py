"""The settings that everybody may see: those that are named so."""

from collections.abc import Iterable, Mapping
from typing import Any

from clientflow_core.secret import Secret
from clientflow_core.settings import setting_fields
from clientflow_host.site_settings import PUBLIC_PREFIX


def public_values(settings: Iterable[Any]) -> Mapping[str, str]:
    """Give each value that is named ``NEXT_PUBLIC_…``, in the order of the names.

    Args:
        settings: those of the pages and of every enabled provider. What of them is a secret is
            left out, whatever it is named.
    """
    return dict(sorted(pair for one in settings for pair in _public(one)))


def _public(settings: Any) -> Iterable[tuple[str, str]]:
    for field in setting_fields(type(settings)):
        value = getattr(settings, field.name)
        is_public = field.setting.env.startswith(PUBLIC_PREFIX) and not isinstance(value, Secret)
        if is_public and value is not None:
            yield field.setting.env, str(value)
