-- Run as administrator, at every migration, before the objects: schemas, their owner, who may connect.
CREATE SCHEMA IF NOT EXISTS store AUTHORIZATION rapport_owner;
CREATE SCHEMA IF NOT EXISTS access AUTHORIZATION rapport_owner;
