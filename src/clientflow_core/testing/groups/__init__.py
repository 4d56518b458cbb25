"""The checks of the kit, one module for what they are about."""
