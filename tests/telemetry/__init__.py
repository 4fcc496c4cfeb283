"""Tests of metrics, traces and log lines."""
