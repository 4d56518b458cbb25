"""E-mail: what it is made of, how it is read, and what of it may be shown."""
