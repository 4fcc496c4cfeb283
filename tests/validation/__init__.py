"""Tests of the validation of values."""
