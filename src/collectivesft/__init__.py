"""CollectiveSFT, rebuilt from raw data to the Hub.

One subpackage per stage (raw, curated, sft, scores, figures, paper, hub), each
with a ``cli`` module that the workflow calls as ``python -m collectivesft STAGE VERB``.
``datasets`` and ``benchmarks`` hold one file per data source.
"""

import os

# Threads of torch would spin while they wait for each other, which multiplies the CPU time on a
# busy machine. torch reads this once, when it is imported; it changes no number.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
__date__ = "2026-11-30"  # of this version
