-- The events that say who was erased and what is held are few, are asked for at each start, and stand anywhere in
-- the store: found by an index of their own, which an append of any other event does not touch.
CREATE INDEX event_privacy ON store.event (type, position)
    WHERE type IN ('crm.privacy.erasure_begun', 'crm.privacy.keys_destroyed', 'crm.privacy.erasure_certified',
                   'crm.privacy.hold_placed', 'crm.privacy.hold_released', 'crm.privacy.retention_applied');

-- With the index's own condition, so that it is used whatever is asked of it.
CREATE VIEW store.privacy_event AS
SELECT position, aggregate_id, version, type, party, event
FROM store.event
WHERE type IN ('crm.privacy.erasure_begun', 'crm.privacy.keys_destroyed', 'crm.privacy.erasure_certified',
               'crm.privacy.hold_placed', 'crm.privacy.hold_released', 'crm.privacy.retention_applied');
