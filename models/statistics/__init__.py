"""Dimensions, their closed lists, and the noise."""
