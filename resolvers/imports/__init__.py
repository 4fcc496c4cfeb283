"""Lines of an import: parsing them, and writing them in an export."""
