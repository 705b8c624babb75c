"""Writes the tables of docs/results from the committed records and CSV files; none is typed by hand.

The files are those of leaderboard/, and the CSV files of docs/results, which scripts of experiments/ write.

    python docs/results_tables.py

A page holds a table between `<!-- table: NAME -->` and `<!-- end of table -->`; its content is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from board_csv import PAGES
from board_tables import board_benchmarks, board_labels, board_proxies, board_top, board_transformers
from one_shot_tables import (
    one_shot_claims,
    one_shot_costs,
    one_shot_inherited,
    one_shot_methods,
    one_shot_options,
    one_shot_published,
)
from predictor_tables import (
    calibration,
    distillation,
    multi_fidelity,
    parzc_against,
    parzc_parts,
    parzc_transformers,
    predictors_nasbench101,
    predictors_nasbench201,
    predictors_parts,
    predictors_reached,
    predictors_trained,
    transfer,
    transfer_robustness,
    wrong_pairs,
)
from proxy_tables import proxies_published, proxies_reached, proxies_trained
from ranking_costs import ranking_front, write_picture
from search_tables import (
    gbdt_nas_whole,
    generation,
    robot_new_ranks,
    robot_new_tables,
    robot_verdicts,
    search_generated,
    search_ranks,
)

_TABLE = re.compile(r"(<!-- table: ([a-z0-9-]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


TABLES: dict[str, Callable[[], str]] = {
    "board-benchmarks": board_benchmarks,
    "board-proxies": board_proxies,
    "board-top": board_top,
    "board-transformers": board_transformers,
    "board-labels": board_labels,
    "predictors-reached": predictors_reached,
    "one-shot-claims": one_shot_claims,
    "one-shot-costs": one_shot_costs,
    "one-shot-inherited": one_shot_inherited,
    "one-shot-methods": one_shot_methods,
    "one-shot-options": one_shot_options,
    "one-shot-published": one_shot_published,
    "proxies-published": proxies_published,
    "proxies-reached": proxies_reached,
    "proxies-trained": proxies_trained,
    "predictors-nasbench201": predictors_nasbench201,
    "predictors-parts": predictors_parts,
    "predictors-nasbench101": predictors_nasbench101,
    "predictors-trained": predictors_trained,
    "ranking-front": ranking_front,
    "parzc-against": parzc_against,
    "parzc-parts": parzc_parts,
    "parzc-transformers": parzc_transformers,
    "multi-fidelity": multi_fidelity,
    "transfer": transfer,
    "transfer-robustness": transfer_robustness,
    "distillation": distillation,
    "wrong-pairs": wrong_pairs,
    "robot-verdicts": robot_verdicts,
    "search-ranks": search_ranks,
    "search-generated": search_generated,
    "gbdt-nas-whole": gbdt_nas_whole,
    "robot-new-tables": robot_new_tables,
    "robot-new-ranks": robot_new_ranks,
    "calibration": calibration,
    "generation": generation,
}


def with_tables(text: str) -> str:
    """A page with its tables made again. Raises KeyError for a table that this script does not know."""
    return _TABLE.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n\n{found[3]}", text)


def main() -> None:
    """Rewrite the tables of all pages, and the picture."""
    for path in sorted(PAGES.glob("*.md")):
        path.write_text(with_tables(path.read_text()))
    write_picture()


if __name__ == "__main__":
    main()
