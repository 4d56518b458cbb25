"""The HTTP operations, one module for each thing that they are about."""
