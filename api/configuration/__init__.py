"""The configuration, as the API shows it."""
