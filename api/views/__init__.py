"""What reads answer with, one module per read model."""
