"""Erasure on request, and the deletion of whatever has reached the end of its retention period."""
