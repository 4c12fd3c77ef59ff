"""Customers, their contacts, consents; overview, timeline, search."""
