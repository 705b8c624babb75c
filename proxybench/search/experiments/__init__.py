"""Runs of searchers over seeds: made, recorded, summarised and compared.

search          pb.search
experiment      searchers on a table, over several seeds, resumable
two_objectives  the same for accuracy against a cost
comparison      all searchers on all tables
run_records     one record a run
run_groups      runs by problem, searcher and budget
regret, curves  statistics of a run, and of several at points of an axis
summary         groups of runs for the leaderboard
results         SearchResults
"""
