"""The dimensions of statistics, their closed lists, and the noise."""
