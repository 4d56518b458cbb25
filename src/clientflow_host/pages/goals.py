"""Where a visitor is led after a form."""

from urllib.parse import urlsplit


def safe_goal(goal: str, *, otherwise: str) -> str:
    """Keep a link from leading a visitor to somebody else's site."""
    parts = urlsplit(goal.replace("\\", "/"))
    is_ours = goal.startswith("/") and not parts.scheme and not parts.netloc
    return goal if is_ours and goal.isprintable() else otherwise
