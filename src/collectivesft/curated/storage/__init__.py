"""Store examples as Parquet, ledgers, and arrays on disk."""
