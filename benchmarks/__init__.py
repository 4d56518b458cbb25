"""What ClientFlow costs, measured side by side: ``nox -s bench -- intake|latency|startup``."""
