"""`python -m deploy.cli`: the same as the console script, for children that need no script on the PATH."""

from deploy.cli.main import main

main()
