"""Tests of profiles and the directory."""
