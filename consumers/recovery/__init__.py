"""`rapport store recover`: after a restore the store gets back what only the topics have.

- `recovery`: the run; `stage`: what comes back, proven by seals before anything is changed
- `set_aside`: what the restored store has recorded since; `derived`: claims and the contact index
"""
