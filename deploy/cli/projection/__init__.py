"""`rapport projection`: the read models, their processes and their versions."""
