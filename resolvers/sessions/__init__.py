"""Sessions and tokens: how they begin and end, and how attempts are limited."""
