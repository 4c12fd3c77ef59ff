"""Customer: a person or an organisation."""
