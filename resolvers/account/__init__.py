"""The caller's own account, and the `viewer` query."""
