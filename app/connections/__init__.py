"""The connections of clients: how many there are, and how long a client may take for its headers."""
