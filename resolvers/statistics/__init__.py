"""Statistics from sealed releases."""
