"""Product: what is sold, and its list price."""
