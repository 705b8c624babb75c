"""Search a table.

Four searchers with 20 trainings each, ten times: what they find, and at which rank.
"""

import proxybench as pb

found = pb.search(
    "trained-nds-darts", ["random", "evolution", "gp", "robot"], budget=20, seeds=10, computed=True, progress=False
)
board = found.leaderboard()
print(board[["searcher", "value", "reported", "median_rank"]].round(2).to_string(index=False))
