"""The service history: cases, what happened to them, how long they took."""
