"""What was said, done and bought: interactions."""
