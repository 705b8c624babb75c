"""Tables that the authors of GRAF keep: NAS-Bench-Suite-Zero proxies, accuracies and adversarial robustness.

Kadlecová et al., "Surprisingly Strong Performance Prediction with Neural Graph Features", ICML 2024. The proxies are
those of Krishnakumar et al. (NAS-Bench-Suite-Zero, NeurIPS 2022 datasets track), the attacks those of Jung et al.
("Neural Architecture Design and Robustness: A Dataset", ICLR 2023). The NAS-Bench-201 files hold the 9,445 cells
without unreachable operations, the robustness file all 15,625.

What these files, and NAS-Bench-Suite-Zero itself, call validation accuracy of NAS-Bench-201 is the *test* accuracy
of a single training: for CIFAR-10 that of the `cifar10-valid` training (half the training data) on the test set, for
CIFAR-100 and ImageNet16-120 the `x-test` accuracy; in the records that can be compared it is the run of seed 888.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from proxybench.spaces.base import SearchSpace
from proxybench.tables.importers.naslib_codes import nasbench201_text, transnas_micro_text
from proxybench.tables.importers.naslib_csv import NetTable, read_net_table
from proxybench.tables.store.schema import MEAN, Fragment, fragment

COUNTS = ("params", "flops")
PROXIES = (
    *("epe_nas", "fisher", "grad_norm", "grasp", "jacov", "l2_norm"),
    *("nwot", "plain", "snip", "synflow", "zen"),
)
ATTACKS = ("aa_apgd-ce@Linf", "aa_square@Linf", "fgsm@Linf", "pgd@Linf")


def proxies(paths: Sequence[Path], space: SearchSpace, dataset: str) -> Fragment:
    """The 13 proxies of NAS-Bench-201: 11 as `proxy:NAME`, parameters and FLOPs as counts.

    FLOPs are counted as NAS-Bench-Suite-Zero counts them, which differs from NATS-Bench's own figures.

    Raises:
        CorruptData: naming file, line and column.
    """
    table = read_net_table(paths[0], [*PROXIES, *COUNTS], nasbench201_text)
    return _proxy_fragment(table, dataset)


def accuracy(
    paths: Sequence[Path], space: SearchSpace, dataset: str, column: str = "val_acc", seed: str = MEAN
) -> Fragment:
    """What the source calls the validation accuracy of NAS-Bench-201 after 200 epochs (see the top of this file).

    Args:
        paths: the file.
        space: nasbench201.
        dataset: data set of the rows.
        column: metric that receives the values.
        seed: seed label of the clean value; the attacked run, of no known seed, is "0".

    Raises:
        CorruptData: naming file, line and column.
    """
    table = read_net_table(paths[0], ["val_accs"], nasbench201_text)
    return fragment({**table.keys(dataset, 200, seed), column: table.percents("val_accs")})


def robustness(paths: Sequence[Path], space: SearchSpace, column: str = "val_acc", seed: str = MEAN) -> Fragment:
    """CIFAR-10 accuracy of all 15,625 cells under attack, as `robust_acc@ATTACK`, and the clean value.

    ATTACK is named as in the source: "fgsm@Linf_eps-1.0" has a radius of 1/255. All values are whole tenths of a
    percent, so they are single evaluations and no means, and isomorphic cells share them: the 6,466 distinct cells
    were attacked. The clean value is the one of `accuracy`, of another training than those attacked: in 15,055 cells
    it is below the accuracy under the weakest square attack. The file does not say which seed was attacked.

    Args:
        paths: the file.
        space: nasbench201.
        column: metric that receives the clean value.
        seed: seed label of the clean value; the attacked run, of no known seed, is "0".

    Raises:
        CorruptData: naming file, line and column.
    """
    import pyarrow as pa

    table = read_net_table(paths[0], ["val_accs"], nasbench201_text)
    attacks = [name for name in table.cells if name.startswith(ATTACKS)]
    robust = {f"robust_acc@{name}": table.percents(name) for name in attacks}
    attacked = fragment({**table.keys("cifar10", 200, "0"), **robust})
    clean = fragment({**table.keys("cifar10", 200, seed), column: table.percents("val_accs")})
    return Fragment(pa.concat_tables([attacked.values, clean.values], promote_options="default"))


def transnas_micro_scene(
    paths: Sequence[Path], space: SearchSpace, dataset: str = "class_scene", epochs: int = 25, seed: str = MEAN
) -> Fragment:
    """Proxies and final validation accuracy of 2,128 TransNAS-Bench-101 micro cells on scene classification.

    The columns `random`, `rank`, `new_net` and the row number were added by the source and are not read.

    Args:
        paths: the file.
        space: transnas101-micro.
        dataset: name of the task.
        epochs: length of the training.
        seed: seed label of the accuracy.

    Raises:
        CorruptData: naming file, line and column.
    """
    import pyarrow as pa

    table = read_net_table(paths[0], ["val_accs", *PROXIES, *COUNTS], transnas_micro_text)
    accuracies = fragment({**table.keys(dataset, epochs, seed), "val_acc": table.percents("val_accs")})
    scores = _proxy_fragment(table, dataset)
    return Fragment(pa.concat_tables([scores.values, accuracies.values], promote_options="default"), scores.notes)


def _proxy_fragment(table: NetTable, dataset: str) -> Fragment:
    scores = {f"proxy:{name}": table.scores(name) for name in PROXIES}
    counts = {name: table.counts_from_millions(name) for name in COUNTS}
    failed = {name: sum(value is not None and math.isnan(value) for value in values) for name, values in scores.items()}
    notes = [
        f"{name} failed for {count} of {len(table.archs)} architectures on {dataset} in {table.path.name}"
        for name, count in failed.items()
        if count
    ]
    return fragment({**table.keys(dataset, 0, ""), **scores, **counts}, notes)
