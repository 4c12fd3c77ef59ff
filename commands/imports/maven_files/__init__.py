"""The Maven CRM files: `rows` turns lines into rows, `config` has what the files leave open (`maven.toml`),
`histories` makes commands of rows.
"""
