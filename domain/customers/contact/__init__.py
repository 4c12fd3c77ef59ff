"""Contact: a person at a customer, with contact points and consents."""
