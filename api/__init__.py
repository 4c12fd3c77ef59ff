"""The HTTP API: commands and reads as JSON under `/v1`, errors as RFC 9457 problems.

`app.py` puts the parts together; `routes/` holds one module per resource; `services.py` is everything the API
is given. `auth.py` knows who calls and what they may do, `problems.py` turns errors into answers,
`consistency.py` waits for a caller's own writes, `pages.py` seals page tokens, `guard.py` bounds what one
request may cost, `docs.py` serves the interactive page. The API speaks to no broker and reads no setting.
"""
