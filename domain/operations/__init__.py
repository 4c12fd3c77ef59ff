"""Operators' acts on read models."""
