"""``python -m clientflow_host.cli``: how `up` starts its children, whatever is on the PATH."""

from clientflow_host.cli import main

main()
