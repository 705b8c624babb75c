"""Results of generators.

records       the results of each method, by problem; paired differences from baselines; CSV
"""
