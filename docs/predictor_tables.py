"""The tables of docs/results/predictors.md and parzc.md."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

from board_csv import Row, read, table, written
from proxy_tables import TRAINED
from record_figures import gain_of, label, tau, tau_of

from proxybench.ranking.repeats import half_interval

NB201 = [78, 156, 469, 781, 1563]
NB101 = [100, 172, 424, 4236]
NB201_TASKS = {
    "CIFAR-10": "nasbench201-cifar10-predict-all-columns",
    "CIFAR-100": "nasbench201-cifar100-predict-all-columns",
    "ImageNet16-120": "nasbench201-imagenet16-predict-all-columns",
}
PARTS = {
    "DiffKendall (`loss=diffkendall`)": "loss=diffkendall",
    "pairwise hinge (`loss=hinge`)": "loss=hinge",
    "ListMLE (`loss=listmle`)": "loss=listmle",
    "a perceptron instead of the mixer (`mixing=mlp`)": "mixing=mlp",
    "no Bayesian layers (`bayesian=false`)": "bayesian=false",
    "no node statistics, only their sums (`segment=0`)": "segment=0",
}
_ANY = 100.0  # points by which accuracies differ at most
FULL = 108  # epochs of a full training of NAS-Bench-101
WAYS = {
    "full": "full trainings",
    "short": "trainings of {} epochs alone",
    "both": "half of the epochs in full trainings, half in trainings of {} epochs",
}
STUDENTS = {"auto": "`auto`", "labels alone": "`gbdt`, labels alone"}
STANDARD = "same cells, standard accuracy"
REACHED = ("auto", "auto(columns=false)", "ensemble", "ensemble(columns=false)")
PROTOCOLS = {
    "nasbench101-predict-test": "NAS-Bench-101",
    "nasbench201-cifar10-valid-predict-all-columns": "NAS-Bench-201, CIFAR-10",
    "nasbench201-cifar100-predict-all-columns": "NAS-Bench-201, CIFAR-100",
    "nasbench201-imagenet16-predict-all-columns": "NAS-Bench-201, ImageNet16-120",
}


def predictors_reached() -> str:
    """Predictors by published protocols, next to the best published figure."""
    published = written("published-predictors")
    best = {(row["task"], row["n_train"]): f"{row['kendall']}, {row['source']}" for row in published}
    rows = []
    for task, name in PROTOCOLS.items():
        found = [row for row in read(task) if label(row) in REACHED]
        for row in sorted(found, key=lambda row: (int(row["n_train"]), REACHED.index(label(row)))):
            cells = [name, f"{int(row['n_train']):,}", f"`{label(row)}`", tau(row), row["repeats"]]
            rows.append([*cells, f"{float(row['fit_s']):.0f}", best.get((task, row["n_train"]), "")])
    return table(["", "trained on", "method", "tau-b", "splits", "fit, s", "best published"], rows)


def by_size(rows: dict[str, tuple[str, str]], sizes: Sequence[int], corner: str) -> str:
    """Tau-b with intervals, a row for each (task, method), a column for each training size."""
    cells = ([name, *(tau_of(task, method, size) for size in sizes)] for name, (task, method) in rows.items())
    return table([corner, *(f"{size:,}" for size in sizes)], cells)


def predictors_nasbench201() -> str:
    """`ensemble` on three data sets."""
    return by_size({name: (task, "ensemble") for name, task in NB201_TASKS.items()}, NB201, "cells trained on")


def predictors_parts() -> str:
    """What graph and columns contribute on NAS-Bench-201, CIFAR-10."""
    task = NB201_TASKS["CIFAR-10"]
    rows = {
        "`ensemble`, graph and columns": (task, "ensemble"),
        "`gbdt`, graph and columns": (task, "gbdt"),
        "`gbdt(columns=false)`, the graph alone": (task, "gbdt(columns=false)"),
        "`gbdt(encodings=columns)`, columns alone": (task, "gbdt(encodings=columns)"),
        "`parzc`": (task, "parzc"),
    }
    return by_size(rows, NB201, "cells trained on")


def predictors_nasbench101() -> str:
    """Predictors on NAS-Bench-101 with all columns."""
    methods = {
        "`ensemble(graphs=2)`": "ensemble(graphs=2)",
        "`gbdt`, graph and columns": "gbdt",
        "`gbdt(columns=false)`, the graph alone": "gbdt(columns=false)",
        "`gbdt(encodings=columns)`, columns alone": "gbdt(encodings=columns)",
        "`parzc`": "parzc",
    }
    rows = {name: ("nasbench101-predict-all-columns", method) for name, method in methods.items()}
    return by_size(rows, NB101, "cells trained on")


def predictors_trained() -> str:
    """Mean rank and tau-b of every predictor on the tables that come with the project."""
    rows = read("suite-trained-predictors")
    pools = sorted({row["pool"] for row in rows if row["n_train"] != "0"}, key=lambda pool: int(pool.split()[-1]))
    found = []
    for pool in pools:
        for row in rows:
            if row["pool"] == pool and row["average_rank"]:
                average = f"{float(row['kendall_tau_b']):.3f}" if row["kendall_tau_b"] else ""
                found.append([pool.split()[-1], f"`{label(row)}`", row["average_rank"], average, row["compared_on"]])
    return table(["trained on", "method", "mean rank", "mean tau-b", "tasks"], found)


def calibration() -> str:
    """What intervals cover on held-out architectures."""
    rows = []
    for row in written("calibration"):
        if row["intervals"] not in ("calibrated", "conformal"):
            continue
        name = f"{row['task'].removesuffix('-predict')}, {row['n_train']}"
        shares = [f"{100 * float(row[column]):.0f}" for column in ("covered_50%", "covered_80%", "covered_95%")]
        rows.append([name, f"`{row['method']}`", row["intervals"], *shares, f"{float(row['width_80%']):.2f}"])
    return table(["table, trained on", "", "intervals", "50 %", "80 %", "95 %", "width of 80 %"], rows)


def parzc_against() -> str:
    """How far others are ahead of ParZC, split by split."""
    rows = []
    tasks = {f"NAS-Bench-201, {name}": task for name, task in NB201_TASKS.items()}
    tasks["NAS-Bench-101"] = "nasbench101-predict-all-columns"
    tasks |= {f"ours, {name}": f"{task}-predict-all-columns" for name, task in TRAINED.items()}
    for name, task in tasks.items():
        for size in sorted({int(row["n_train"]) for row in read(task)}):
            own = tau_of(task, "parzc", size)
            gains = [gain_of(task, other, "parzc", size) for other in ("gbdt", "ensemble", "ensemble(graphs=2)")]
            if own:
                rows.append([name, f"{size:,}", own, *gains])
    return table(["table", "trained on", "`parzc`", "`gbdt`", "`ensemble`", "`ensemble(graphs=2)`"], rows)


def parzc_parts() -> str:
    """What a change of ParZC gains or costs, on five tables."""
    columns = {
        "NAS-Bench-201, 156": (NB201_TASKS["CIFAR-10"], 156),
        "NAS-Bench-101, 172": ("nasbench101-predict-all-columns", 172),
        "our NAS-Bench-201, 200": ("trained-nasbench201-predict-all-columns", 200),
        "our NAS-Bench-101, 200": ("trained-nasbench101-predict-all-columns", 200),
        "our DARTS, 200": ("trained-nds-darts-predict-all-columns", 200),
    }
    rows = [["`parzc`, squared error", *(tau_of(task, "parzc", size) for task, size in columns.values())]]
    changes = {name: f"parzc({setting})" for name, setting in PARTS.items()}
    changes["node statistics alone"] = 'parzc(encoding="", totals=false)'
    changes["LightGBM on statistics of the nodes"] = "gbdt(encodings=nodes)"
    changes["LightGBM on sums over nodes"] = "gbdt(encodings=totals)"
    for name, method in changes.items():
        rows.append([name, *(gain_of(task, method, "parzc", size) for task, size in columns.values())])
    return table(["", *columns], rows)


def parzc_transformers() -> str:
    """ParZC and proxies on held-out vision transformers: mean tau over parts, then over the data sets of a table."""
    rows = written("parzc-transformers")
    tables = list(dict.fromkeys(row["table"] for row in rows))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    lines = []
    for method in methods:
        cells = []
        for name in tables:
            found = [row for row in rows if (row["table"], row["method"]) == (name, method) and row["tau"]]
            datasets = sorted({row["dataset"] for row in found})
            means = [mean(float(row["tau"]) for row in found if row["dataset"] == one) for one in datasets]
            cells.append(f"{mean(means):.3f}" if means else "")
        lines.append([method if " " in method else f"`{method}`", *cells])
    return table(["", *tables], lines)


def multi_fidelity() -> str:
    """Ways to spend the epochs of some full trainings: tau, and its difference to full trainings on the same splits."""
    rows = written("multi-fidelity")
    sizes = sorted({int(row["epochs_of_full_trainings"]) for row in rows})
    taus: dict[tuple[int, str, str], dict[str, float]] = {}
    for row in rows:
        key = int(row["epochs_of_full_trainings"]), row["kind"], row["short_epochs"]
        taus.setdefault(key, {})[row["split"]] = float(row["tau"])
    lines = []
    for kind, epochs in dict.fromkeys((row["kind"], row["short_epochs"]) for row in rows):
        cells = []
        for size in sizes:
            own, full = taus[size, kind, epochs], taus[size, "full", str(FULL)]
            gain = "" if kind == "full" else _mean_gain([own[split] - full[split] for split in own])
            cells += [f"{mean(own.values()):.3f}", gain]
        lines.append([WAYS[kind].format(epochs), *cells])
    heads = [head for size in sizes for head in (f"cost of {size // FULL} full trainings", "against full")]
    return table(["", *heads], lines)


def _mean_gain(gains: Sequence[float]) -> str:
    """The mean of differences on the same splits with its interval; empty where one split has no interval."""
    half = half_interval(gains)
    return "" if half is None else f"{mean(gains):+.3f} ± {half:.3f}"


def transfer() -> str:
    """What labels of other spaces or data sets add to few labels: tau, and the gain on the same splits."""
    return _transferred([row for row in written("transfer") if row["sources"] != STANDARD])


def transfer_robustness() -> str:
    """What standard accuracies add to few labels of robust accuracy."""
    return _transferred([row for row in written("transfer") if row["sources"] == STANDARD])


def _transferred(rows: Sequence[Row]) -> str:
    sizes = sorted({int(row["n_train"]) for row in rows})
    lines = []
    for target, sources in dict.fromkeys((row["target"], row["sources"]) for row in rows):
        own = [row for row in rows if (row["target"], row["sources"]) == (target, sources)]
        cells = [f"{mean(float(row['sources_alone']) for row in own):.3f}"]
        for size in sizes:
            found = [row for row in own if row["n_train"] == str(size)]
            labels, both = ([float(row[name]) for row in found] for name in ("labels_alone", "transfer"))
            cells += [f"{mean(labels):.3f}", _mean_gain([new - old for new, old in zip(both, labels, strict=True)])]
        lines.append([target, sources, *cells])
    heads = [head for size in sizes for head in (f"{size} labels alone", "gain")]
    return table(["target", "sources", "sources alone", *heads], lines)


def distillation() -> str:
    """A student that learned from the predictions of `auto`: tau, its loss on the same splits, and time."""
    rows = written("distillation")
    lines = []
    for name, n, method, count in dict.fromkeys(
        (row["table"], row["n_train"], row["method"], row["unlabelled"]) for row in rows
    ):
        whole = [row for row in rows if (row["table"], row["n_train"]) == (name, n)]
        own = [row for row in whole if (row["method"], row["unlabelled"]) == (method, count)]
        teacher = {row["split"]: row for row in whole if row["method"] == "auto"}
        gains = [float(row["kendall"]) - float(teacher[row["split"]]["kendall"]) for row in own]
        times = [float(teacher[row["split"]]["predict_s"]) / float(row["predict_s"]) for row in own]
        kind = STUDENTS.get(method, f"`gbdt`, student of {int(count):,} cells")
        against = ["", ""] if method == "auto" else [_mean_gain(gains), f"{mean(times):.0f} times"]
        lines.append([f"{name}, {n}", kind, f"{mean(float(row['kendall']) for row in own):.3f}", *against])
    return table(["table, labels", "", "tau", "against `auto`", "faster predictions"], lines)


def wrong_pairs() -> str:
    """Pairs in the wrong order by the difference of their accuracies: a predictor, and the noise of trainings."""
    rows = written("wrong-pairs")
    tables = list(dict.fromkeys(row["table"] for row in rows))
    bands = list(dict.fromkeys((row["above"], row["up_to"]) for row in rows))
    heads, columns = ["difference, points"], []
    for name in tables:
        own = [row for row in rows if row["table"] == name]
        sizes = sorted({int(row["n_train"]) for row in own})
        learned = [[row for row in own if (row["by"], row["n_train"]) == ("ensemble", str(n))] for n in sizes]
        noise = [row for row in own if row["by"] != "ensemble"]
        heads += [f"{name}: pairs", *(f"wrong, {n} labels" for n in sizes), "wrong by validation accuracy"]
        every = sum(int(row["pairs"]) for row in noise)
        columns.append({band: _pairs_in(noise, [band]) / every for band in bands} | {None: 1.0})
        columns += [
            {**{band: _wrong_in(part, [band]) for band in bands}, None: _wrong_in(part, bands)}
            for part in (*learned, noise)
        ]
    named: dict[tuple[str, str] | None, str] = {band: _between(*band) for band in bands} | {None: "all"}
    return table(
        heads, ([text, *(f"{100 * column[band]:.1f} %" for column in columns)] for band, text in named.items())
    )


def _between(low: str, high: str) -> str:
    return f"more than {float(low):g}" if float(high) == _ANY else f"{float(low):g} to {float(high):g}"


def _pairs_in(rows: Sequence[Row], bands: Sequence[tuple[str, str]]) -> int:
    return sum(int(row["pairs"]) for row in rows if (row["above"], row["up_to"]) in bands)


def _wrong_in(rows: Sequence[Row], bands: Sequence[tuple[str, str]]) -> float:
    """The share of the pairs with such differences that are in the wrong order."""
    wrong = sum(int(row["wrong"]) for row in rows if (row["above"], row["up_to"]) in bands)
    return wrong / _pairs_in(rows, bands)
