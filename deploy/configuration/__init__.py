"""Configuration in files: pipelines, reasons, retention."""
