"""Tokens: their format, their rows and how they are derived."""
