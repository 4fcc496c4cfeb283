"""What operators see of a process: ids of requests, its own metrics, the listener for Prometheus, traces."""
