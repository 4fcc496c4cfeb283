"""Profile values, and the places where members meet them: directory and map."""
