"""Controls the read models: shares with epoch and lease, workers, parked events, versions, rebuilds, status.
The numbered steps in `migrations/` make its tables."""
