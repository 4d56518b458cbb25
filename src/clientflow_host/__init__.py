"""ClientFlow."""
