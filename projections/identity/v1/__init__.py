"""Version 1: tables, views, fold and queries; `<name>_as_of.sql` is a query as of a time."""
