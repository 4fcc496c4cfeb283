"""Erasure on request, and deletion of records at the end of their retention period."""
