"""Measures generation: what samples are like, and where a guide leads on NAS-Bench-201.

    python experiments/generation.py quality SPACE=MODEL.npz[:half] ...
    python experiments/generation.py guided RUNS.jsonl SECONDS [SEEDS] [FIRST_SEED]
    python experiments/generation.py show RUNS.jsonl
    python experiments/generation.py record RUNS.jsonl leaderboard/generation/nasbench201.jsonl

The first form draws 1,000 samples of each model as `proxybench train-generator` writes it; with :half the model was
trained with --half, and what is new is the share of valid samples in the half that was left out.

The second spends SECONDS on seeds that RUNS.jsonl does not hold yet, and can be called again. A predictor of
`predictors`, with every training-free column and this project's own proxies, learns the CIFAR-10 validation accuracy
from 50 random cells and may then be asked 1,000 times, or of all 15,625 cells. Each method gives 100 cells:

    unguided        the first different samples of the model; nothing is asked
    filter          of N random cells the 100 predicted best; with all 15,625 it is what the predictor can do
    evolution       regularised evolution on the predictions, the 100 best that it asked for
    guided          N random cells teach the guide; the first 100 different samples, never shown to the predictor
    guided-rounds   the questions go to 400 random cells and five rounds of guided samples (`refine_guide`); the first
                    100 different samples of the last guide, never shown to the predictor
    guided-best     of the same rounds the 100 generated cells that the predictor likes best, as evolution chooses

Ranks are of the true validation accuracy among 15,625, 1 the best. The best of ten are the first ten, which are the
first ten drawn where the predictor was not asked of them, else the ten that it likes best, none isomorphic to another:
for each method alike. The last form sums the runs up for the leaderboard.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau

import proxybench as pb
from predictors import make
from proxybench.generation import (
    Aim,
    Plan,
    Sampler,
    fit_guide,
    generate,
    guided,
    left_out,
    load_generator,
    population,
    quality,
    refine_guide,
    sample,
)
from proxybench.generation.measures import expected_unique
from proxybench.ranking.repeats import half_of_runs
from proxybench.spaces import get_space

SAMPLES, TOLD, KEPT, CALLS = 1000, 50, 100, 1000
SAMPLER = Sampler("pc", 50)
QUICK = Sampler("pc", 25)
ROUND = Aim("acc", "above", share=0.15)
TOP = Aim("acc", "above", share=0.06)
NOTES = {
    "unguided": "the first different samples of the diffusion model",
    "filter": "random cells, those predicted best",
    "evolution": "regularised evolution on the predictions, those predicted best",
    "guided": "a guide taught by random cells; its first different samples, unseen by the predictor",
    "guided-rounds": "a guide taught in rounds where it leads; its first different samples, unseen by the predictor",
    "guided-best": "of the cells that these rounds generated those predicted best",
}
BINS = np.arange(84.0, 92.01, 0.25)  # of validation accuracy
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
        self.batch = self.bench.batch("all", dataset="cifar10")
        self.archs = list(self.bench)
        self.row = {arch: row for row, arch in enumerate(self.archs)}
        self.digests = list(self.bench.digests)

    def rows(self, archs) -> np.ndarray:
        return np.array([self.row[arch] for arch in archs], dtype=np.int64)

    def ten(self, rows: np.ndarray) -> np.ndarray:
        """The first ten of different digests."""
        return np.array(list({self.digests[row]: row for row in rows[::-1].tolist()}.values())[::-1][:10])


def evolve(truth: Truth, scores: np.ndarray, calls: int, random: np.random.Generator) -> np.ndarray:
    """The 100 best of the cells that regularised evolution asks for: 50 alive, the best of 10 has a child."""
    alive = random.choice(len(scores), min(50, calls), replace=False).tolist()
    asked = dict.fromkeys(alive)
    for _ in range(20 * calls):
        if len(asked) >= calls:
            break
        parent = max(random.choice(alive, 10), key=lambda row: scores[row])
        around = truth.bench.space.neighbours(truth.archs[parent])
        child = truth.row[around[random.integers(len(around))]]
        asked.setdefault(child)
        alive = [*alive[1:], child]
    rows = np.array(list(asked))
    return rows[np.argsort(-scores[rows], kind="stable")[:KEPT]]


def one_seed(truth: Truth, model, seed: int) -> list[dict]:
    random = np.random.default_rng(seed)
    told = random.permutation(len(truth.val))[:TOLD]
    scores = make("ensemble", random_state=seed).fit(truth.batch[told], truth.val[told]).predict(truth.batch)
    tau = kendalltau(scores, truth.val).statistic
    predicted = np.empty(len(scores))
    predicted[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    records = []

    def add(method: str, calls: int, rows: np.ndarray, begun: float, **more) -> None:
        ten = truth.ten(rows)
        records.append(
            {
                "seed": seed,
                "method": method,
                "calls": calls,
                "tau": tau,
                "rows": rows.tolist(),
                "mean_rank": truth.rank[rows].mean(),
                "predicted_rank": predicted[rows].mean(),
                "best_of_10": truth.test[ten].max(),
                "chosen_of_10": truth.test[ten[np.argmax(truth.val[ten])]],
                "seconds": round(time.process_time() - begun, 2),
                **more,
            }
        )

    def best(rows: np.ndarray) -> np.ndarray:
        return rows[np.argsort(-scores[rows], kind="stable")[:KEPT]]

    def draw(guide):
        found = generate(model, KEPT, seed=seed, sampler=QUICK, guide=guide, rounds=30)
        return truth.rows(found.archs), {"drawn": found.drawn, "invalid": found.invalid}

    begun = time.process_time()
    rows, more = draw(None)
    add("unguided", 0, rows, begun, **more)
    add("filter", len(scores), best(np.arange(len(scores))), begun)
    pool = random.permutation(len(scores))[:CALLS]
    begun = time.process_time()
    add("filter", CALLS, best(pool), begun)
    begun = time.process_time()
    add("evolution", CALLS, evolve(truth, scores, CALLS, random), begun)
    begun = time.process_time()
    guide = fit_guide(model, [truth.archs[row] for row in pool], {"acc": scores[pool]}, seed=seed, steps=1000)
    rows, more = draw(guided(guide, Aim("acc", "above", share=0.002), 4.0))
    add("guided", CALLS, rows, begun, **more)
    begun = time.process_time()
    found = refine_guide(
        model, lambda archs: {"acc": scores[truth.rows(archs)]}, ROUND, Plan(CALLS, sampler=QUICK), seed=seed
    )
    asked = {"asked": len(found.archs), "generated": int(found.generated.sum())}
    add("guided-best", CALLS, truth.rows(found.best(KEPT)), begun, **asked)
    rows, more = draw(guided(found.guide, TOP, 4.0))
    add("guided-rounds", CALLS, rows, begun, **asked, **more)
    return records


def compare(path: Path, seconds: float, seeds: int = 20, first: int = 0) -> None:
    import torch

    torch.set_num_threads(1)
    end = time.monotonic() + seconds
    done = {record["seed"] for record in read(path)}
    truth, model = Truth(), load_generator("nasbench201")
    for seed in range(first, first + seeds):
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


def by_method(records: list[dict]) -> dict[tuple[str, int], list[dict]]:
    groups: dict[tuple[str, int], list[dict]] = defaultdict(list)
    for record in sorted(records, key=lambda record: (record["calls"], record["method"], record["seed"])):
        groups[record["method"], record["calls"]].append(record)
    return groups


def interval(values) -> str:
    half = half_of_runs(values)
    return f"{np.mean(values):7.1f} +- {np.nan if half is None else half:5.1f}"


def show(path: Path) -> None:
    groups = by_method(read(path))
    for (method, calls), records in groups.items():
        ranks = [record["mean_rank"] for record in records]
        predicted = np.mean([record["predicted_rank"] for record in records])
        print(
            f"{method:14s} {calls:6d} calls, {len(ranks)} seeds: mean true rank {interval(ranks)} "
            f"(top {100 * np.mean(ranks) / 15_625:.2f} %), predicted {predicted:6.1f}, "
            f"best of 10 {np.median([r['best_of_10'] for r in records]):.3f} "
            f"(>= 94.2 in {np.mean([r['best_of_10'] >= 94.2 for r in records]):.0%}), "
            f"chosen by validation {np.median([r['chosen_of_10'] for r in records]):.3f}, "
            f"{np.mean([r['seconds'] for r in records]):.1f} s"
        )
    for method in ("guided-rounds", "guided-best"):
        own = {record["seed"]: record["mean_rank"] for record in groups.get((method, CALLS), [])}
        for (other, calls), records in groups.items():
            gains = [record["mean_rank"] - own[record["seed"]] for record in records if record["seed"] in own]
            if gains and other != method:
                wins = np.mean(np.array(gains) > 0)
                print(f"{method} ranks {interval(gains)} better than {other} ({calls}), in {wins:.0%} of the seeds")


def summarise(path: Path, output: Path) -> None:
    from proxybench.jobs.provenance import provenance
    from proxybench.leaderboard.generation.records import GenerationProblem, GeneratorResult, write_generation
    from proxybench.records import TaskIdentity

    truth = Truth()
    name = "nasbench201-cifar10-generation"
    split = f"{TOLD} random cells told, a new draw a seed"
    target = "val_acc, 200 epochs, seed mean"
    size = len(truth.val)
    task = TaskIdentity(name, 1, "nasbench201", "cifar10", "all 15,625 cells", size, split, target, truth.bench.recipe)
    methods = []
    for (method, calls), records in by_method(read(path)).items():
        values = np.concatenate([truth.val[record["rows"]] for record in records])
        methods.append(
            GeneratorResult(
                method,
                calls,
                [record["seed"] for record in records],
                [round(float(record["mean_rank"]), 2) for record in records],
                [round(float(record["best_of_10"]), 4) for record in records],
                [int((values < BINS[0]).sum()), *np.histogram(values, BINS)[0].tolist()],
                round(float(np.median(values)), 3),
                round(float(np.mean([record["seconds"] for record in records])), 2),
                NOTES[method],
            )
        )
    all_cells = [int((truth.val < BINS[0]).sum()), *np.histogram(truth.val, BINS)[0].tolist()]
    made = ", ".join(f"{key} {value}" for key, value in sorted(provenance().items()) if key != "time")
    problem = GenerationProblem(task, "test_acc@200", KEPT, BINS.tolist(), all_cells, methods, [made])
    write_generation(output, [problem])


if __name__ == "__main__" and sys.argv[1:2] == ["quality"]:
    measure(sys.argv[2:])
elif __name__ == "__main__" and sys.argv[1:2] == ["guided"]:
    compare(Path(sys.argv[2]), float(sys.argv[3]), *map(int, sys.argv[4:]))
elif __name__ == "__main__" and sys.argv[1:2] == ["show"]:
    show(Path(sys.argv[2]))
elif __name__ == "__main__" and sys.argv[1:2] == ["record"]:
    summarise(Path(sys.argv[2]), Path(sys.argv[3]))
elif __name__ == "__main__":
    measure(["nasbench201=data/models/generator-nasbench201.npz"])
