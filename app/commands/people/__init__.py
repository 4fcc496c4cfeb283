"""Commands that load, create and export people."""
