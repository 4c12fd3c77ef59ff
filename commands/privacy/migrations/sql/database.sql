-- Run as administrator, at every migration, before the objects.
CREATE SCHEMA IF NOT EXISTS keys AUTHORIZATION rapport_owner;
