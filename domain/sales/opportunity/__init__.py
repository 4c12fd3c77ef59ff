"""Opportunity: a deal on its way through a pipeline."""
