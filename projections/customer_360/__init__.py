"""`customer_360`: everything about one customer, and the timeline of everything that happened."""
