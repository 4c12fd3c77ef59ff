"""The worker: one process of a read model. It takes shares, follows their topics and applies whole seals.

- `worker`: the process; `writer`: what it writes with; `timeouts`: how long it waits for what
- `seals`: gathers records until a seal is complete and proven; `stall_detector`: late, or never to come?
- `group` and `groups`: which shares are read together; `state_reporter`: what it shows of its waiting
- `upgrade`: applies what was parked for want of an event type; `dropped`: one whose version is gone
- `retry`: applies parked events again, after their cause was healed

A version may gain a family: `seals` reads its topic from offset 0 and hands out what lies before the shares'
position, once the seals prove that it is all there. No rebuild is needed.
"""
