"""Commands on customers and contacts; the history of a contact's consents."""
