"""What a search is: the problem, the protocol of a searcher, and the run that pays for its queries.

base          ask and tell; a query
problem       candidates, their training-free columns, and the answers to queries
population    a problem made from a table
history       a run with one objective, within a budget
pareto        a run with several objectives, and the quality of a front
metrics       the training-free metrics of a problem as one matrix
"""
