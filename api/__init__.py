"""The HTTP API: commands and reads as JSON under `/v1`, errors as RFC 9457 problems.

`app.py` puts the parts together, `services.py` is everything the API is given, `routes/` has one module per
resource, `bodies/` what commands take, `views/` what reads answer.

On the way in: `context.py` (ids, access log), `guard.py` (sizes), `auth.py` and `actors.py` (who calls, what
they may do), `query.py` and `validation.py` (what fits).

Commands go through `sending.py`, made into routes by `changing.py`; `upserting.py` makes customers so by
their external ids, `recording.py` takes interactions in. Many at once are read by `batches.py` and go in by
`batch_outcomes.py`.

Reads of a read model go through `consistency.py` (waits for own writes), `reading.py` (one moment),
`filters.py`, `listing.py` and `pages.py` (sealed tokens), `meta.py` and `lag.py`. One record is read from the
event store (`records.py`), private values in clear or named as closed (`private.py`), also as it was at a
time (`cuts.py`).

On the way out: `shapes.py` and `problems.py`. `openapi.py` and `docs.py` are the document and its page. The
API speaks to no broker and reads no setting.
"""
