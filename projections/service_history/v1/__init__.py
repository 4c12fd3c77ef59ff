"""Version 1: tables, views, fold and queries."""
