"""The prose check: banned words and long sentences in docstrings, comments, messages and pages."""
