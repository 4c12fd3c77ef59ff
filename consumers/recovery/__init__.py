"""`rapport store recover`: after a restore the store gets back the events that only the topics have.

- `recovery`: the run; `stage`: the events that come back, proven by seals before anything is changed
- `set_aside`: the events that the restored store has recorded since; `derived`: claims and the contact index
"""
