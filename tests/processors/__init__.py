"""Laws of processors."""
