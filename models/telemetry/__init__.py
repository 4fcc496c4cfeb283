"""What operators see of the layers below `app`: metrics, spans, and failures without values."""
