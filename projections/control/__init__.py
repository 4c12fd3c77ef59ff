"""What controls the read models: shares with epoch and lease, workers, parked events, versions, rebuilds,
status. Its tables come about by the numbered steps in `migrations/`."""
