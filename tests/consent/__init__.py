"""Tests of consent and restriction."""
