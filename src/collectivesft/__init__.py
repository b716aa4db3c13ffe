"""CollectiveSFT, rebuilt from raw data to the Hub.

One subpackage per stage (raw, curated, sft, scores, figures, paper, hub), each
with a ``cli`` module that the workflow calls as ``python -m collectivesft STAGE VERB``.
``datasets`` and ``benchmarks`` hold one file per data source.
"""

import os

# torch's threads would spin while they wait for each other: on a busy machine that multiplies the CPU
# time. This is read once, when torch is imported, and changes no number.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
