"""Finds the plugins, checks them, opens what they bring, and closes it again."""
