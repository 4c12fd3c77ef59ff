"""The composition root: every object is built here, from the settings alone."""
