"""What controls the read models: shares with epoch and lease, workers, held events, versions, status."""
