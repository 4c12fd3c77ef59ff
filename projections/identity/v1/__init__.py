"""Version 1: tables, views, fold and queries; `<name>_then.sql` is what a query asks at a cut."""
