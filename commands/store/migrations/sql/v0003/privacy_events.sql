-- Events of erasures, holds and retentions are few, every process reads them when it starts, and they are anywhere
-- in the store. They have an index of their own, which appends of other events do not touch.
CREATE INDEX event_privacy ON store.event (type, position)
    WHERE type IN ('crm.privacy.erasure_begun', 'crm.privacy.keys_destroyed', 'crm.privacy.erasure_certified',
                   'crm.privacy.hold_placed', 'crm.privacy.hold_released', 'crm.privacy.retention_applied');

-- With the index's own condition, so that every query of the view uses the index.
CREATE VIEW store.privacy_event AS
SELECT position, aggregate_id, version, type, party, event
FROM store.event
WHERE type IN ('crm.privacy.erasure_begun', 'crm.privacy.keys_destroyed', 'crm.privacy.erasure_certified',
               'crm.privacy.hold_placed', 'crm.privacy.hold_released', 'crm.privacy.retention_applied');
