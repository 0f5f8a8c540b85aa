"""`python -m services.cli` is `successplays`."""

from services.cli.main import main

main()
