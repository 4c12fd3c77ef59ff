"""Version 1: tables, views, fold and queries; of those on links a second one, `<name>_then.sql`, for a cut."""
