"""A smoke test of a running service: does what it is for work at all, seen from outside?"""
