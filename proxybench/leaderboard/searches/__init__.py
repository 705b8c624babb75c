"""Results of searches.

records       the results of each searcher, by problem
verdicts      which searchers are better than a baseline; CSV
"""
