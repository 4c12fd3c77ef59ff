"""Health, metrics, the status of read models."""
