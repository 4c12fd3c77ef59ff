-- The party's link as of a time: its highest version until then. No row before its first event.
SELECT kind, target
FROM identity_v1.link_version
WHERE party = %(party)s::uuid
  AND (%(as_of)s::timestamptz IS NULL OR since <= %(as_of)s::timestamptz)
  AND (%(known_at)s::timestamptz IS NULL OR recorded <= %(known_at)s::timestamptz)
ORDER BY version DESC
LIMIT 1
