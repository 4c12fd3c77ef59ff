"""What an auditor asks of the event store: was anything changed, and what happened when.

- `keep`: seals kept outside the installation.
"""
