"""A command of a plugin's own."""

import attrs

from clientflow_core.contributions.checking import LONGEST_NAME


@attrs.frozen(kw_only=True)
class CommandSpec:
    """A command: ``clientflow x PLUGIN NAME``. Its code is imported when it is run, not before.

    Attributes:
        name: lower case, with dashes.
        help: one line.
        target: ``package.module:function``. The function's parameters are the command's, as
            cyclopts reads them; it may be async. An int that it gives is the exit code.
    """

    name: str = attrs.field(
        validator=attrs.validators.and_(
            attrs.validators.matches_re(r"[a-z][a-z0-9]*(-[a-z0-9]+)*"),
            attrs.validators.max_len(LONGEST_NAME),
        )
    )
    help: str = attrs.field(validator=attrs.validators.min_len(1))
    target: str = attrs.field(
        validator=attrs.validators.matches_re(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
    )
