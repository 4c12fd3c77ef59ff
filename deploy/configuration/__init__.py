"""What is configured in files: pipelines, reasons, retention."""
