"""Interactions: what people said, did and bought."""
