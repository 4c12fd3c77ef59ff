"""Commands on interactions."""
