"""The process: HTTP, settings, command line, migrations and pages."""
