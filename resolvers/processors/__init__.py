"""Processors: their views, their tokens and what they must erase."""
