"""Measures generation: what samples are like, and where a guide leads on NAS-Bench-201.

    python tests/bench/bench_generation.py quality SPACE=MODEL.npz[:half] ...
    python tests/bench/bench_generation.py guided MODEL.npz RUNS.jsonl SECONDS [SEEDS]
    python tests/bench/bench_generation.py show RUNS.jsonl

The first form draws 1,000 samples of each model as `proxybench train-generator` writes it; with :half the model was
trained with --half, and what is new is the share of valid samples in the half that was left out.

The second spends SECONDS on seeds that RUNS.jsonl does not hold yet, and can be called again. A predictor of
`predictors` learns the CIFAR-10 validation accuracy from 50 random cells and may then be asked N times. `filter` asks
it of N random cells (those that an unguided model gives: they are uniform) and takes the best 100. `evolution` spends
the N on regularised evolution. `guided` has N random cells labelled by it, trains the noise-aware guide on the answers
and takes the first 100 different samples; `guided-rerank` keeps 200 of the N to pick the best 100 of 200 different
samples. `guided-maximise` asks for the highest mean instead, as published; `guided-direct` trains the guide on the 50
cells alone. Ranks are of the true validation accuracy among 15,625, 1 the best; the best of 10 are the first 10 drawn,
or the 10 that the predictor likes best where it was asked of the samples.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau, t

import proxybench as pb
from predictors import make
from proxybench.generation import (
    Aim,
    Sampler,
    fit_guide,
    generate,
    guided,
    left_out,
    load_generator,
    population,
    quality,
    sample,
)
from proxybench.generation.measures import expected_unique
from proxybench.spaces import get_space

SAMPLES, TOLD, KEPT = 1000, 50, 100
SAMPLER = Sampler("pc", 50)
CALLS = (1000, 15_625)
REACH = {"validity": 0.99, "uniqueness": 0.98, "left_out": 0.40}
ALLOWED_MS = 20.0


def measure(words: list[str]) -> None:
    for word in words:
        name, _, file = word.partition("=")
        file, _, half = file.partition(":")
        model, space = load_generator(Path(file)), get_space(name)
        trained = population(space)
        if half:
            trained = [arch for arch, out in zip(trained, left_out(name, trained), strict=True) if not out]
        found = quality(sample(model, SAMPLES, 1, SAMPLER), space, trained)
        shown = ", ".join(f"{key} {getattr(found, key):.4g}" for key in found.__dataclass_fields__)
        training = f"{model.training['step']} steps, {model.training['seconds']} s, {Path(file).stat().st_size} bytes"
        print(f"{name} ({'half' if half else 'whole'}; {training}): {shown}")
        if name == "nasbench201":
            print(f"  uniform draws: {expected_unique(SAMPLES, len(trained)):.4f} unique in {len(trained)} cells,")
            print(f"  {np.mean(left_out(name, population(space))):.4f} in the half left out; wanted {REACH}")
            print(f"  {found.ms:.1f} ms a sample, wanted at most {ALLOWED_MS:g}")


class Truth:
    """NAS-Bench-201 with what is known of every cell."""

    def __init__(self) -> None:
        self.bench = pb.load("nasbench201")
        self.val = self.bench.values("val_acc", dataset="cifar10", epochs=200)
        self.test = self.bench.values("test_acc", dataset="cifar10", epochs=200)
        self.rank = np.empty(len(self.val))
        self.rank[np.argsort(-self.val, kind="stable")] = np.arange(1, len(self.val) + 1)
        self.batch = self.bench.batch("training-free", dataset="cifar10")
        self.archs = list(self.bench)

    def rows(self, archs) -> np.ndarray:
        return np.array([self.bench.index(arch) for arch in archs], dtype=np.int64)


def evolve(truth: Truth, scores: np.ndarray, calls: int, random: np.random.Generator) -> np.ndarray:
    """The 100 best of the cells that regularised evolution asks for: 50 alive, the best of 10 has a child."""
    alive = random.choice(len(scores), min(50, calls), replace=False).tolist()
    asked = dict.fromkeys(alive)
    for _ in range(20 * calls):
        if len(asked) >= calls:
            break
        parent = max(random.choice(alive, 10), key=lambda row: scores[row])
        around = truth.bench.space.neighbours(truth.archs[parent])
        child = truth.bench.index(around[random.integers(len(around))])
        asked.setdefault(child)
        alive = [*alive[1:], child]
    rows = np.array(list(asked))
    return rows[np.argsort(-scores[rows], kind="stable")[:KEPT]]


def one_seed(truth: Truth, model, seed: int) -> list[dict]:
    random = np.random.default_rng(seed)
    told = random.permutation(len(truth.val))[:TOLD]
    predictor = make("ensemble", random_state=seed).fit(truth.batch[told], truth.val[told])
    scores = predictor.predict(truth.batch)
    tau = kendalltau(scores, truth.val).statistic
    records = []

    def add(method: str, calls: int, rows: np.ndarray, begun: float, **more) -> None:
        ten = rows[:10]
        records.append(
            {
                "seed": seed,
                "method": method,
                "calls": calls,
                "tau": tau,
                "n": len(rows),
                "mean_rank": truth.rank[rows].mean(),
                "median_rank": float(np.median(truth.rank[rows])),
                "predicted_rank": float(np.mean([(scores > scores[row]).sum() + 1 for row in rows])),
                "best_of_10_test": truth.test[ten].max(),
                "chosen_of_10_test": truth.test[ten[np.argmax(truth.val[ten])]],
                "seconds": time.perf_counter() - begun,
                **more,
            }
        )

    def draw(guide, aim: Aim, scale: float, n: int = KEPT):
        found = generate(
            model, n, seed=seed, sampler=SAMPLER, guide=None if guide is None else guided(guide, aim, scale)
        )
        return truth.rows(found.archs), {"drawn": found.drawn, "invalid": found.invalid}

    top = Aim("acc", "above", share=0.002)
    begun = time.perf_counter()
    rows, more = draw(None, top, 1.0)
    add("unguided", 0, rows, begun, **more)
    begun = time.perf_counter()
    direct = fit_guide(model, [truth.archs[row] for row in told], {"acc": truth.val[told]}, steps=500, seed=seed)
    rows, more = draw(direct, Aim("acc"), 8.0)
    add("guided-direct", 0, rows, begun, **more)
    for calls in CALLS:
        pool = random.permutation(len(scores))[:calls]
        begun = time.perf_counter()
        add("filter", calls, pool[np.argsort(-scores[pool], kind="stable")[:KEPT]], begun)
        if calls < len(scores):  # with as many calls as there are cells it would be what `filter` is
            begun = time.perf_counter()
            add("evolution", calls, evolve(truth, scores, calls, random), begun)
        begun = time.perf_counter()
        labelled = pool[: calls - 2 * KEPT] if calls < len(scores) else pool
        guide = fit_guide(
            model, [truth.archs[row] for row in labelled], {"acc": scores[labelled]}, steps=1000, seed=seed
        )
        rows, more = draw(guide, top, 4.0, 2 * KEPT)
        add("guided", calls, rows[:KEPT], begun, **more)
        add("guided-rerank", calls, rows[np.argsort(-scores[rows], kind="stable")[:KEPT]], begun, **more)
        begun = time.perf_counter()
        rows, more = draw(guide, Aim("acc"), 8.0)
        add("guided-maximise", calls, rows, begun, **more)
    return records


def compare(file: Path, path: Path, seconds: float, seeds: int = 20) -> None:
    end = time.monotonic() + seconds
    done = {record["seed"] for record in read(path)}
    truth, model = Truth(), load_generator(file)
    for seed in range(seeds):
        if seed in done:
            continue
        if time.monotonic() > end:
            print("time is up; call again to go on")
            break
        lines = "".join(json.dumps(record) + "\n" for record in one_seed(truth, model, seed))
        with path.open("a") as stream:
            stream.write(lines)
    show(path)


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def show(path: Path) -> None:
    groups: dict[tuple[str, int], list[dict]] = defaultdict(list)
    for record in read(path):
        groups[record["method"], record["calls"]].append(record)
    for (method, calls), records in sorted(groups.items(), key=lambda item: (item[0][1], item[0][0])):
        ranks = np.array([record["mean_rank"] for record in records])
        spread = t.ppf(0.975, len(ranks) - 1) * ranks.std(ddof=1) / np.sqrt(len(ranks)) if len(ranks) > 1 else np.nan
        best, chosen = (
            np.median([record[key] for record in records]) for key in ("best_of_10_test", "chosen_of_10_test")
        )
        print(
            f"{method:15s} {calls:6d} calls, {len(ranks)} seeds: mean true rank {ranks.mean():7.1f} +- {spread:5.1f} "
            f"(top {100 * ranks.mean() / 15_625:.2f} %), best of 10 {best:.2f}, chosen by validation {chosen:.2f}, "
            f"{np.mean([record['seconds'] for record in records]):.1f} s"
        )


if __name__ == "__main__" and sys.argv[1:2] == ["quality"]:
    measure(sys.argv[2:])
elif __name__ == "__main__" and sys.argv[1:2] == ["guided"]:
    compare(Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4]), *map(int, sys.argv[5:]))
elif __name__ == "__main__" and sys.argv[1:2] == ["show"]:
    show(Path(sys.argv[2]))
elif __name__ == "__main__":
    measure(["nasbench201=data/models/generator-nasbench201.npz"])
