"""What the commands take as JSON, one module per aggregate; each body knows the command it becomes."""
