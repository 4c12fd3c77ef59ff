"""What executes commands: load the record, decide, record the events.

`dispatch/` executes every command; what a command says and decides stands with its record in `domain/`. The
folders by area hold what needs more than one record or a look into the store, such as `sales/conversion.py`
for a lead's conversion. `bulk/` records many commands in one transaction, for imports and batch requests.
`store/` is the event store, `privacy/` keys and ciphers, `audit/` histories and proofs, `imports/` the
imports of files, `directory/api_keys.py` the API keys. `operations/read_models.py` records what operators do
to read models; `operations/periodic.py` is for what a process does again and again.
"""
