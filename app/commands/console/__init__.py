"""What every command shares: a process, failures, output files, progress bars."""
