"""Interaction: one thing that was said, done or bought."""
