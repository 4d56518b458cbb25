"""The use cases: one file each, named as what it does."""
