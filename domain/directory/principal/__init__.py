"""Principal: an agent, a team or a service account."""
