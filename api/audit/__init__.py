"""Histories replayed for auditors."""
