"""What runs a fold: decodes events, folds them in memory, writes rows and position together."""
