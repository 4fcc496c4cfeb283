"""Statistics: who is counted, by what, and which counts are published."""
