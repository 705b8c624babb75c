"""Rank a scorer of your own.

A scorer is a function of architectures. It runs in a process of its own, and is ranked with parameters, FLOPs and a
random order.
"""

import proxybench as pb


def skips_are_bad(batch):
    """Minus the number of skip connections and zero operations."""
    return [-sum(op in ("skip_connect", "none") for op in arch.ops) for arch in batch]


if __name__ == "__main__":
    results = pb.evaluate([skips_are_bad, "nwot@proxybench"], tasks=["trained-nasbench201-test"], progress=False)
    board = results.leaderboard()
    print(board[["rank", "method", "tau", "low", "high"]].round(3).to_string(index=False))
