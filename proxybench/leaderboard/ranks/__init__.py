"""Records of evaluations -> ranks of methods.

entries       repeats of a job -> one entry with mean, spread and interval
pools         entries that compete, and their ranks on a task
overall       average ranks over tasks, and how large a difference of them must be
paired        gains of methods over one of them on the same splits
tables        CSV
scores        architecture-level scores for scatter plots and correlation maps
"""
