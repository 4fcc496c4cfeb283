"""What operators rely on: health, metrics, logs, checkpoints, schema versions, deletion of bytes."""
