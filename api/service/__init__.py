"""Cases and the reports of the service desk."""
