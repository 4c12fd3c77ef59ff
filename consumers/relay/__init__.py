"""The relay: seals what the store has up to its high-water mark, and publishes it once.

- `relay`: the process; `leader`: which one leads; `timeouts`: how long it waits for what
- `sealer` and `publisher`: its two halves, joined by `seal_buffer`; `seals`: seals made and checked, pure
- `agreement`: whether topics and store agree when it starts; `topic_watch`: topics that are deleted under it
- `republish`, `restore`: lost topics restored from the store; `topic_survey`: what they have lost
- `status`: the relay's state, seen from outside
"""
