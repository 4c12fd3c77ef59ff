"""Acts of operators on read models, recorded as events."""
