"""Tables of the user's own results, from CSV, parquet or a pandas frame; once stored they are like all others."""
