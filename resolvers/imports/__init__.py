"""One line of an import: parsed, and written by an export."""
