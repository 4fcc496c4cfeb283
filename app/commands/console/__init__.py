"""What the commands share: services, errors, JSON reports, tables, output files, progress bars."""
