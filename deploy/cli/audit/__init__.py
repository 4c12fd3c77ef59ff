"""`rapport audit`: what lets an auditor show that nothing was changed, and what happened when."""
