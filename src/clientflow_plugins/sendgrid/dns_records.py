"""What the DNS says of a domain, for the checks."""

from typing import Final

from clientflow_core.errors import ProviderUnavailable

_LIFETIME_SECONDS: Final = 6.0


async def look_up(name: str, kind: str) -> list[str]:
    """Give the records of *kind*, such as ``MX``, that *name* has, as text; empty if there is none.

    Raises:
        ProviderUnavailable: nobody answers, or the library that asks is missing.
    """
    try:
        from dns import asyncresolver, exception, resolver  # noqa: PLC0415 - only where it is asked
    except ImportError as error:
        msg = "the dnspython package is missing: install clientflow[service]"
        raise ProviderUnavailable(msg) from error
    try:
        answer = await asyncresolver.resolve(name, kind, lifetime=_LIFETIME_SECONDS)
    except (resolver.NXDOMAIN, resolver.NoAnswer):
        return []
    except (exception.DNSException, OSError) as error:
        msg = f"the DNS does not answer for {name} ({type(error).__name__})"
        raise ProviderUnavailable(msg) from error
    return [record.to_text() for record in answer]
