"""One act a module: what a root field does once it is admitted."""
