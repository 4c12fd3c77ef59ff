-- Who may do what with keys. Applied by every migration run, as the owner, in one transaction.
REVOKE ALL ON ALL TABLES IN SCHEMA keys FROM PUBLIC, rapport_app, rapport_relay, rapport_worker, rapport_reader;
GRANT USAGE ON SCHEMA keys TO rapport_app, rapport_worker;
GRANT SELECT, INSERT ON keys.person_key, keys.retention_key TO rapport_app;
-- To destroy and to wrap anew, not to move a key to another person.
GRANT UPDATE (wrapped, kek, state, destroyed) ON keys.person_key, keys.retention_key TO rapport_app;
GRANT SELECT ON keys.person_key, keys.retention_key TO rapport_worker;
GRANT SELECT ON keys.kek TO rapport_app, rapport_worker;
-- To make another one the current one, and to note how far its rotation is; never to forget one.
GRANT INSERT, UPDATE ON keys.kek TO rapport_app;
GRANT SELECT ON keys.schema_version TO rapport_app, rapport_worker;
