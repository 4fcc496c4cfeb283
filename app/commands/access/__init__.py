"""Commands that grant, issue and end access."""
