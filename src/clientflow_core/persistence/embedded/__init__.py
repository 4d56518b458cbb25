"""A PostgreSQL server of this machine, for those who bring none.

The server listens on a Unix socket only, in a folder that nobody else may enter, and asks even
there for a password. Started by root it runs as ``postgres`` or ``nobody``; nothing that exists
has its rights changed for that: what such a user cannot reach is kept where it can.
"""

from clientflow_core.persistence.embedded.binaries import Binaries, find_binaries
from clientflow_core.persistence.embedded.server import EmbeddedPostgres

__all__ = ["Binaries", "EmbeddedPostgres", "find_binaries"]
