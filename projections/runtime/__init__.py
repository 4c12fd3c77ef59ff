"""Runs folds: decodes events, folds them in memory, writes rows and position together."""
