"""Who is counted by statistics, and which counts are published."""
