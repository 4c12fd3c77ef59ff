"""What is configured, as the API shows it."""
