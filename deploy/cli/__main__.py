"""Where the command line begins: the console script, and `python -m deploy.cli` for children."""

import gc

# Importing makes half a million objects that all stay. With Python's defaults the collector scans them again
# and again: a tenth of the time that a command needs to begin.
gc.set_threshold(20_000, 20, 50)

from deploy.cli.main import main  # noqa: E402

if __name__ == "__main__":
    main()
