"""Where the code that is deployed comes from, so that the checklist can look at it."""

import attrs

from clientflow_core.secret import Secret
from clientflow_core.settings import setting


@attrs.frozen(kw_only=True)
class RepositorySettings:
    """The repository at GitHub whose workflows test and deploy this service."""

    name: str | None = setting(
        env="CLIENTFLOW_GITHUB_REPOSITORY",
        help="the repository whose workflows deploy this service; the checklist looks at their last"
        " run and at the alerts of code scanning",
        default=None,
        pattern=r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+",
        example="example/clientflow",
    )
    token: Secret | None = setting(
        env="CLIENTFLOW_GITHUB_TOKEN",
        help="a token that may read its actions, the names of its secrets and its alerts",
        default=None,
        console_url="https://github.com/settings/personal-access-tokens",
    )
    api_url: str = setting(
        env="CLIENTFLOW_GITHUB_API_URL",
        help="where GitHub's API is; it is sent the token",
        default="https://api.github.com",
        pattern=r"https?://[^\s/?#@]+(/[^\s?#]*)?",
        example="https://github.example.com/api/v3",
    )
