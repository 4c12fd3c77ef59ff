"""The audit log of a service desk: `rows` turns lines into updates and cases, `config` says what
the log leaves open (`incidents.toml`), `histories` makes commands of cases.
"""
