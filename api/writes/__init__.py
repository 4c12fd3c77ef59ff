"""What all commands share: their routes, their execution, batches, upserts."""
