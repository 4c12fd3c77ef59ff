"""Commands: dispatching, deciding over several records, recording, and the event store below.

- `dispatch/`: decides and records one command, once however often it is sent. `bulk/`: many at once, through
  the same handlers, for imports and requests.
- `customers/`, `sales/`, `service/`, `activities/`: handlers of commands that change several records, or
create one whose id is derived. All other commands are decided in `domain/` alone.
- `store/`: the event store. `privacy/`: keys, ciphers, erasure, holds, retention. `audit/`: proofs and
histories.
- `imports/`: imports of files. `directory/`: API keys. `operations/`: operators' acts on read models.
"""
