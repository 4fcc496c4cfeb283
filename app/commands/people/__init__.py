"""Commands that import, make up and export people."""
