"""Health, metrics, how the read models stand."""
