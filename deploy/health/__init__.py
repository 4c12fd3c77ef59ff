"""Whether all is in order: what `rapport doctor`, readiness and status look at."""
