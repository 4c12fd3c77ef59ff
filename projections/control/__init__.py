"""What controls the read models: shares with epoch and lease, workers, held events, versions, rebuilds, status; its
tables come about by the numbered steps in `migrations/`."""
