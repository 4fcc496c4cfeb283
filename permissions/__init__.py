"""Who may do what: every rule once, everything else derived from it."""
