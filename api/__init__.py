"""The HTTP API: commands and reads as JSON under `/v1`, errors as RFC 9457 problems.

`app.py` puts the parts together, `services.py` is everything the API is given. Routes, bodies and responses
are in a folder per area: `customers/`, `sales/`, `service/`, `activities/`, `directory/`, `privacy/`,
`audit/`, `configuration/`, `operations/`. What they share:

- `http/`: on the way in `context` (ids, access log), `guard` (sizes), `auth` and `actors` (who calls, what
  they may do), `query` and `validation` (what fits); on the way out `shapes`, `problems`; `openapi`, `docs`
- `writes/`: commands become routes in `command_routes` and are executed by `execution`; `upserts` registers
  or changes a record by its external id; `batches` and `batch_outcomes` take many at once
- `reads/`: `consistency` waits for the caller's own writes, `snapshot` gives one moment of the read side,
  `filters` and `listing` make pages, `meta` and `lag` say how fresh a response is; `records` reads one record
  from the event store, `private` gives its private values, `as_of` looks back

The API speaks to no broker and reads no setting.
"""
