"""Operation of the service: metrics, logs, checkpoints, schema versions, secure deletion."""
