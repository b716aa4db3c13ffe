"""Read rows of JSON, CSV and Parquet for datasets and benchmarks."""
