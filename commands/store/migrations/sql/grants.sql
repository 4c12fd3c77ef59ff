-- Who may do what in the store. Applied by every migration run, as the owner, in one transaction.
REVOKE ALL ON ALL TABLES IN SCHEMA store, access FROM PUBLIC, rapport_app, rapport_relay, rapport_worker, rapport_reader;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA store, access FROM PUBLIC, rapport_app, rapport_relay, rapport_worker, rapport_reader;
GRANT USAGE ON SCHEMA store TO rapport_app, rapport_relay, rapport_worker;
GRANT USAGE ON SCHEMA access TO rapport_app;

GRANT SELECT ON ALL TABLES IN SCHEMA store TO rapport_app, rapport_relay;
-- The follower reads the sequence's last value. Nobody but the owner may change it.
GRANT SELECT ON SEQUENCE store.event_position_seq TO rapport_app, rapport_relay, rapport_worker;

-- Appending, nothing else: INSERT on all columns but the position, or OVERRIDING SYSTEM VALUE could choose it.
GRANT INSERT (aggregate_id, version, type, party, event) ON store.event TO rapport_app;
GRANT INSERT ON store.claim TO rapport_app;
GRANT INSERT, DELETE ON store.idempotency TO rapport_app;
GRANT INSERT, DELETE ON store.contact_index TO rapport_app;
GRANT SELECT, INSERT, UPDATE ON access.api_key TO rapport_app;

GRANT INSERT ON store.seal TO rapport_relay;
GRANT INSERT, UPDATE ON store.relay TO rapport_relay;

-- Workers measure their lag against the store and fold from it; they need no claims and no requests.
GRANT SELECT ON store.event, store.seal, store.setting, store.incarnation, store.relay, store.schema_version TO rapport_worker;
