"""The `rapport` command: NOUN VERB, a module per noun.

`main` runs a command line, `output` prints the result (text or one JSON envelope, and the exit code),
`errors` turns an exception into a sentence, `process` is for commands that stay up, `progress` for long ones.
"""
