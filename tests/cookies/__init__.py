"""Browsers: origins, cross-origin requests, sign-in by cookie."""
