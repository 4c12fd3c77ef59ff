"""The worker: one process of a read model. It takes shares, follows their topics and applies whole seals.

- `worker`: the process; `writer`: what it writes with; `timeouts`: how long it waits for what
- `seals`: assembles records until a seal is complete and proven; `partition_buffer`: what it keeps until then
- `stall_detector`: finds records that never come
- `group` and `groups`: which shares are read together; `state_reporter`: what it shows of its waiting
- `upgrade`: applies events that were parked because their type was unknown
- `dropped`: waits while its version is dropped
- `retry`: applies parked events again, after their cause was healed

A version may gain a family: `seals` reads its topic from offset 0. Once the seals prove that all events up to
the shares' position are there, it returns them. No rebuild is needed.
"""
