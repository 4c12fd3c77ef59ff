"""What people configure: pipelines and reasons."""
