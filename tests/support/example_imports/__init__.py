"""The example in the guide of `commands/imports/__init__.py`, as a module that tests run."""
