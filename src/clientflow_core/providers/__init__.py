"""The interfaces that a plugin implements, and the specs that it registers."""
