"""Entry point of ``python -m collectivesft``."""

import sys

from collectivesft.cli import main
from collectivesft.common.without_pandas import skip_pandas

if sys.argv[1:2] == ["curated"]:
    skip_pandas()
main()
