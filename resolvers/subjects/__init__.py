"""Reads personal columns, finds grounds for access, and stores people."""
