"""Entry point of ``python -m collectivesft``."""

from collectivesft.cli import main

main()
