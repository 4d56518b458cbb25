"""OpenAI's SDK on the process's one HTTP session."""

import ssl
from typing import Final

import aiohttp
import httpx2
import openai

# Private, and guarded by a test: with the public openai.DefaultAioHttpClient every provider that is
# opened would have connections of its own.
from openai._vendor.httpx_aiohttp import AiohttpTransport

from clientflow_plugins.openai.settings import OpenAISettings

CONNECT_SECONDS: Final = 5.0


def make_client(
    session: aiohttp.ClientSession, settings: OpenAISettings, *, total_seconds: float
) -> openai.AsyncOpenAI:
    """Give the SDK's client. Never close it: that would close *session* (measured, 3.54.0).

    Args:
        session: the shared session.
        settings: the account.
        total_seconds: how long a connection may be silent.
    """
    # Not used, since the session has its own; by default one is made from files, each time.
    unused = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client = openai.AsyncOpenAI(
        api_key=settings.api_key.reveal(),
        admin_api_key="",
        webhook_secret="",
        base_url=settings.api_url,
        max_retries=0,
        timeout=httpx2.Timeout(total_seconds, connect=min(CONNECT_SECONDS, total_seconds / 2)),
        http_client=httpx2.AsyncClient(
            transport=AiohttpTransport(client=session, verify=unused),
            # Or a proxy of the environment would be reached by connections of its own.
            trust_env=False,
            verify=unused,
        ),
    )
    # The SDK reads OPENAI_ORG_ID and OPENAI_PROJECT_ID of the process; a key of an organization
    # that brings its own would be refused with them, and every key names both by itself.
    client.organization = client.project = None
    return client
