"""The checklist: what can be told of the running system, item by item."""
