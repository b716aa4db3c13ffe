"""Find exact and near duplicates."""
