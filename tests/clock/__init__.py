"""The time of a process, heartbeats, and the safeguards of retention."""
