"""The rights of the person: to be erased, and to have all that is known."""
