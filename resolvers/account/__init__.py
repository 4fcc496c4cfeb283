"""The caller's own account, and who the caller is."""
