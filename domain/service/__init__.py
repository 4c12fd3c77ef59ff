"""Service: cases."""
