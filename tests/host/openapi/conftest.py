"""The toy API over real HTTP."""

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from tests.host.openapi.toy import Client, make_app


@pytest.fixture
async def client(aiohttp_client: AiohttpClient) -> Client:
    """Somebody who calls the toy API."""
    return await aiohttp_client(make_app())
