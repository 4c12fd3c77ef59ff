-- Retrying goes from aggregate to aggregate, and each read of a record asks what is held of it, of its party and of
-- those merged with it: without these each would read all that is held, 100,000 events some 100 ms each time.
CREATE INDEX held_aggregate ON control.held (projection, version, aggregate_id, position);
CREATE INDEX held_party ON control.held (projection, version, party, position);
