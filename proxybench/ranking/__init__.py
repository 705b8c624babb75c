"""How well scores rank targets. Pure functions of arrays: nothing here knows of spaces, tables or networks.

- `policy`: which architectures count, and how ties, NaN and constant scores are treated; one rule for all metrics.
- `correlation`, `topk`: the metrics. `metrics`: all of them by name, and a leaderboard row.
- `strata`: metrics within groups of architectures. `curves`: what a search that follows the scores finds.
- `kendall`, `bootstrap`: many columns under the same resamples, fast; made of `resampling`, `columns`, `weighted` and
  the compiled `kernels`.
- `intervals`: confidence intervals, and the significance of a difference; `repeats`: Student's t over few repeats.
- `comparison`: tests between methods.
- `ceiling`: what the noise of the target lets any ranking reach; `noise_model`: how a target is measured.
"""
