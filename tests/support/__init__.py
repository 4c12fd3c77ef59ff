"""What several tests share: databases that are migrated, readers of topics, processes."""
