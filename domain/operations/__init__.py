"""What operators do: acts on read models."""
