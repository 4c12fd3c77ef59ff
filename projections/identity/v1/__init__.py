"""Version 1: tables, views, fold and queries; `<name>_as_of.sql` is what a query asks at a cut."""
