"""Leads, opportunities, products; pipelines and their reports."""
