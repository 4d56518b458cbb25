"""What ClientFlow costs, measured side by side: ``nox -s bench -- NAME...``."""
