"""Alembic's entry: run what is asked for on the connection that :mod:`migrate` lends."""

from alembic import context

from clientflow_core.persistence.tables import metadata


def _is_ours(name: str | None, kind: str, _: object) -> bool:
    # SAQ's tables are made by our migrations but described by SAQ.
    return not (kind == "table" and (name or "").startswith("saq_"))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_name=_is_ours,
    compare_server_default=False,
)
with context.begin_transaction():
    context.run_migrations()
