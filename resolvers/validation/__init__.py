"""Validation of the values that subjects and staff write, shared by the API and the import."""
