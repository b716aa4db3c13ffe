"""CollectiveSFT, rebuilt from raw data to the Hub.

One subpackage per stage (raw, curated, sft, scores, figures, paper, hub), each
with a ``cli`` module that the workflow calls as ``python -m collectivesft STAGE VERB``.
``datasets`` and ``benchmarks`` hold one file per data source.
"""

__version__ = "0.1.0"
