"""Password hashing off the event loop, with bounded queues."""
