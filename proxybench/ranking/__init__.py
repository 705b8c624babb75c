"""How well scores rank targets. Pure functions of arrays, independent of spaces, tables and networks.

- `policy`: which architectures count, and the treatment of ties, NaN and constant scores; one rule for all metrics.
- `correlation`, `topk`: the metrics. `metrics`: all of them by name, and a leaderboard row.
- `strata`: metrics within groups of architectures. `curves`: what a search that follows the scores finds.
- `kendall`, `bootstrap`: many columns under the same resamples, fast; built on `resampling`, `columns`, `weighted` and
  the compiled `kernels`.
- `intervals`: confidence intervals, and the significance of a difference; `repeats`: Student's t over few repeats.
- `comparison`: tests between methods.
- `ceiling`: the noise ceiling, the best any ranking can reach; `noise_model`: how a target is measured.
"""
