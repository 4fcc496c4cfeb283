"""Answers the `policy` query, and counts subjects that a policy change affects."""
