"""A leaderboard with every kind of record, its page, and a browser to look at it with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from proxybench.leaderboard.build import LOCAL, write, write_local
from proxybench.leaderboard.generation.records import GenerationProblem, GeneratorResult, write_generation
from proxybench.leaderboard.ranks.scores import write_scores
from proxybench.leaderboard.searches.records import Curve, SearchedProblem, SearcherRuns, write_searches
from proxybench.records import Kind, Record, TaskIdentity, write_records

HOSTILE = '</script><script>alert("1")</script><img src=x onerror="alert(1)">'
BINARIES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SIZES = (20, 50, 100, 200, 400)
TASKS = ("cifar10", "cifar100", "ImageNet16-120", "svhn")


def identity(dataset: str) -> TaskIdentity:
    return TaskIdentity(
        name=f"nasbench201-{dataset.lower()}-test",
        version=1,
        benchmark="nasbench201",
        dataset=dataset,
        population="all 15,625 cells",
        size=15_625,
        split="scored: what is not trained on; by hash order",
        target="test_acc, 200 epochs, seed mean",
        table="0123456789abcdef" * 2,
    )


def record(
    task: TaskIdentity,
    method: str,
    kind: Kind,
    tau: float,
    n_train: int = 0,
    repeat: int = 0,
    seconds: float | None = None,
) -> Record:
    return Record(
        task=task,
        method=method,
        kind=kind,
        outcome="ok",
        metrics={
            "kendall": tau,
            "spearman": min(0.99, 1.3 * tau),
            "precision_at_10": 0.2,
            "regret_at_1": 1.5,
            "attempted": float(task.size - n_train),
            "answered": float(task.size - n_train),
        },
        n_train=n_train,
        repeat=repeat,
        cost={"seconds_per_architecture": seconds, "fit_s": 0.02 * n_train if n_train else None},
        provenance={
            "commit": "0" * 40,
            "machine": "Linux-x86_64-2cpu",
            "numpy": "2.4.6",
            "time": "2026-01-01T00:00:00+00:00",
        },
    )


def records() -> Iterator[Record]:
    """Nine proxies, three predictors with five sizes and repeats, one of which timed out, four searches, controls."""
    noise = np.random.default_rng(0)
    proxies = {"nwot": 0.6, "synflow": 0.55, "jacov": 0.52, "zen": 0.3, "snip": 0.44, "grasp": 0.38, "plain": -0.17}
    for number, dataset in enumerate(TASKS):
        task = identity(dataset)
        for place, (method, tau) in enumerate(proxies.items()):
            kind: Kind = "training-free with labels" if method in ("snip", "grasp") else "training-free"
            yield record(task, method, kind, tau + 0.05 * noise.normal(), seconds=0.1 * 2**place)
        yield record(task, HOSTILE, "training-free", 0.1, seconds=0.05)
        yield record(task, "random", "control", 0.002)
        yield record(task, "params", "cost", 0.55)
        yield record(task, "flops", "cost", 0.52)
        for search in ("local search", "evolution", "random search", "bananas"):
            yield record(task, search, "search", 0.2, n_train=150)
        if dataset == "svhn":
            yield Record(
                task, "gbdt", "predictor", "unsupported", {}, {"columns": True}, n_train=20, message="no columns"
            )
        for method, best in {"gbdt": 0.85, "parzc": 0.87, "ridge": 0.75}.items():
            for n_train in SIZES:
                for repeat in range(5):
                    tau = best - 2 / n_train**0.75 + 0.02 * noise.normal()
                    made = record(task, method, "predictor", tau, n_train, repeat, seconds=0.001)
                    if (number, method, n_train, repeat) == (0, "parzc", 400, 3):
                        made = Record(
                            made.task,
                            method,
                            "predictor",
                            "timeout",
                            {},
                            n_train=400,
                            repeat=3,
                            message="stopped after 600 s",
                        )
                    yield made


def searches() -> Iterator[SearchedProblem]:
    """Two problems, the second without seconds: four searchers with 30 runs each, one only with T = 100."""
    noise = np.random.default_rng(2)
    for dataset in ("cifar10", "svhn"):
        searched = []
        for searcher, regret in {"random": 3.0, "robot": 1.0, "robot-paper": 2.0, HOSTILE: 4.0}.items():
            for budget in (20, 100) if searcher != "robot-paper" else (100,):
                params = {"proposals": "random"} if searcher == "robot-paper" else {}
                at = [1.0, 2.0, 5.0, 10.0, float(budget)]
                best = [60.0, 75.0, 85.0, 90.0, 94.0 - regret]
                curves = [_search_curve("trainings", at, best)]
                if dataset == "cifar10":
                    curves.append(_search_curve("seconds", [1800 * point for point in at], best))
                regrets = np.abs(regret + 0.3 * noise.normal(size=30)).round(4).tolist()
                found = SearcherRuns(
                    searcher, params, budget, "0-29", regrets, (9, 4, 30), (94 - regret, 94 - regret), (93, 93.5), 12.5,
                    train_s=3600.0 * budget, wall_s=0.01, curves=curves,
                )  # fmt: skip
                searched.append(found)
        yield SearchedProblem(identity(dataset), "test_acc@200", 94.0, searched)


def _search_curve(axis: str, at: list[float], best: list[float]) -> Curve:
    low, high = [value - 1 for value in best], [value + 0.5 for value in best]
    return Curve(axis, at, best, [0.5] * len(best), best, low, high, [value - 1 for value in best])


def generation() -> Iterator[GenerationProblem]:
    """Two problems: three methods with 20 runs each; all of the second is better by 100 ranks."""
    methods = {"unguided": (0, 8000.0), "filter": (1000, 1600.0), "evolution": (1000, 400.0), HOSTILE: (1000, 300.0)}
    for number, dataset in enumerate(("cifar10", "svhn")):
        task = msgspec.structs.replace(identity(dataset), name=f"nasbench201-{dataset}-generation")
        given = [
            GeneratorResult(
                method, calls, list(range(20)), [rank - 100 * number + seed for seed in range(20)], [94.25] * 20,
                [400, 600, 1000], 91.0, 2.5,
            )
            for method, (calls, rank) in methods.items()
        ]  # fmt: skip
        yield GenerationProblem(task, "test_acc@200", 100, [90.0, 91.0, 92.0], [10_000, 5000, 625], given)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built leaderboard, with a local page that has scores."""
    made = tmp_path_factory.mktemp("leaderboard")
    write_records(made / "runs/suite.jsonl", records())
    write_searches(made / "searches/compared.jsonl", searches())
    write_generation(made / "generation/compared.jsonl", generation())
    write(made)
    draw = np.random.default_rng(1)
    target = draw.uniform(50, 94, 15_625)
    scores = {name: target * sign + draw.normal(0, 20, len(target)) for name, sign in {"nwot": 1, "plain": -1}.items()}
    scores["synflow"] = np.exp(target)
    scores["synflow"][:100] = np.nan
    write_scores(made / LOCAL, identity("cifar10").name, target, scores, archs=[f"cell {row}" for row in range(15_625)])
    write_local(made)
    return made


@pytest.fixture(scope="session")
def without_searches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built leaderboard on which nothing was searched."""
    made = tmp_path_factory.mktemp("without")
    write_records(made / "runs/suite.jsonl", records())
    write(made)
    return made


@pytest.fixture(scope="session")
def without_random(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built leaderboard on which searchers ran, but no random search to compare them with."""
    made = tmp_path_factory.mktemp("without-random")
    write_records(made / "runs/suite.jsonl", records())
    kept = [
        msgspec.structs.replace(problem, searchers=[runs for runs in problem.searchers if runs.searcher == "robot"])
        for problem in searches()
    ]
    write_searches(made / "searches/compared.jsonl", kept)
    write(made)
    return made


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window, and without a network of its own."""
    binary = next((found for name in BINARIES if (found := shutil.which(name))), None)
    if binary is None:
        pytest.skip(f"none of {', '.join(BINARIES)} is installed: no browser to look at the page with")
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=binary, args=list(FLAGS))
        yield running
        running.close()


class Visit:
    """An opened page, with its errors and its requests."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, path: Path, fragment: str = "") -> Page:
        self.page.goto(f"{path.as_uri()}{fragment}")
        self.page.wait_for_selector("main .view:not([hidden])")
        return self.page

    def front(self, folder: Path, fragment: str = "") -> Page:
        """The overview of a folder, with its heat map drawn."""
        self.open(folder / "index.html", fragment)
        self.page.wait_for_selector("#heat svg")
        return self.page

    def benchmark(self, page: Path, more: str = "") -> Page:
        """The view of the benchmark, with its details loaded."""
        self.open(page, f"#benchmark=nasbench201{more}")
        self.page.wait_for_selector("#ranking svg")
        return self.page


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """A fresh tab on a desktop screen."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(15_000)
    yield Visit(context.new_page())
    context.close()


@pytest.fixture
def page(visit: Visit, folder: Path) -> Page:
    """The overview of the built page in a fresh tab."""
    return visit.front(folder)


@pytest.fixture
def benchmark(visit: Visit, folder: Path) -> Page:
    """The view of the benchmark in a fresh tab, without training."""
    return visit.benchmark(folder / "index.html", "&task=nasbench201-cifar10-test&pool=training-free")
