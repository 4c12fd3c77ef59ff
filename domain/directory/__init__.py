"""Who works here: principals."""
