"""Backups of the whole database: taken, proved by restoring them elsewhere, and restored."""
