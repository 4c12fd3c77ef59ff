"""Many records in one transaction: decided over states in memory, recorded through COPY."""
