"""Security events: their closed list, their origin, and the record of each."""
