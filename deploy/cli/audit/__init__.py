"""`rapport audit`: how an auditor shows that nothing was changed, and what happened when."""
