"""Commands on customers and contacts; what a contact had consented to."""
