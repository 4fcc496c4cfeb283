"""Trusted documents: the list, requests by id, and what each document can reach."""
