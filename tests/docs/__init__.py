"""The documentation: its blocks run, and its generated pages are up to date."""
