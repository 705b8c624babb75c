"""Builds the leaderboard of a folder: `runs`/SUITE.jsonl -> CSV per task, suite and over all, page, pictures, manifest.

Search results, `searches`/NAME.jsonl, become two CSV files and parts of the page; generation results,
`generation`/NAME.jsonl, a CSV file, a picture and a view of the page. The same records give the same bytes, in whatever
order they are read. Architecture-level scores (`runs`/TASK.scores.json, and `local`, a folder that is not committed)
add their charts to the page: those of this project's own tables to the page in the folder, all to another page in
`local`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from proxybench.errors import CorruptData, DataNotAvailable
from proxybench.files import replace_file
from proxybench.leaderboard.generation.records import GENERATION, GenerationProblem, generation_csv, read_generation
from proxybench.leaderboard.page.content import page_files
from proxybench.leaderboard.page.facts import Facts
from proxybench.leaderboard.page.generation_picture import generation_picture
from proxybench.leaderboard.page.heat_chart import Spec
from proxybench.leaderboard.page.heat_picture import HEAT, heat_picture
from proxybench.leaderboard.page.html import DETAILS, is_details, missing_extra
from proxybench.leaderboard.page.overview import PICTURES, overview
from proxybench.leaderboard.page.pictures import draw, is_current
from proxybench.leaderboard.ranks.entries import Entry, entries_of
from proxybench.leaderboard.ranks.overall import ALL, Comparison, Ranked, compare, rank_tasks, scopes_of
from proxybench.leaderboard.ranks.scores import SUFFIX, TaskScores, read_scores
from proxybench.leaderboard.ranks.tables import overall_csv, task_csv
from proxybench.leaderboard.searches.records import SEARCHES, SearchedProblem, read_searches
from proxybench.leaderboard.searches.verdicts import curves_csv, searches_csv
from proxybench.records import Record, read_records

RUNS = "runs"
LOCAL = "local"
MANIFEST = "MANIFEST.json"
OVERALL = "leaderboard.csv"
SUITE = "suite-"
SEARCHED = "searches.csv"
CURVES = "searches-curves.csv"
GENERATED = "generation.csv"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}")


@dataclass(frozen=True)
class Leaderboard:
    """All content of the leaderboard: records as entries, their ranks, and comparisons for every scope and pool."""

    records: Sequence[Record]
    entries: Sequence[Entry]
    suites: dict[str, list[str]]
    ranked: Ranked
    comparisons: Sequence[Comparison]
    searches: Sequence[SearchedProblem] = ()
    generation: Sequence[GenerationProblem] = ()

    @classmethod
    def of(cls, folder: Path) -> Leaderboard:
        """The leaderboard of the records below `folder`/runs, with the results of searches and generators.

        Raises:
            DataNotAvailable: when there are no records.
            CorruptData: if a record is damaged, tasks with one name differ, or a name cannot be used for a file.
        """
        runs = sorted((folder / RUNS).glob("*.jsonl"))
        records = read_records(runs)
        if not records:
            raise DataNotAvailable(f"{folder / RUNS} holds no records; run: proxybench run --suite published")
        suites = {path.stem: sorted({record.task.name for record in read_records([path])}) for path in runs}
        suites = {name: tasks for name, tasks in suites.items() if tasks}
        _refuse_bad_names([*suites, *(record.task.name for record in records)])
        entries = entries_of(records)
        ranked = rank_tasks(entries)
        comparisons = [found for scope in scopes_of(entries, suites) for found in compare(ranked, scope)]
        searches = read_searches(sorted((folder / SEARCHES).glob("*.jsonl")))
        generation = read_generation(sorted((folder / GENERATION).glob("*.jsonl")))
        _refuse_bad_names(problem.task.name for problem in generation)
        return cls(records, entries, suites, ranked, comparisons, searches, generation)

    def tables(self) -> dict[str, bytes]:
        """The CSV files by name."""
        files = {f"{task}.csv": task_csv(pools) for task, pools in self.ranked.items()}
        for suite in self.suites:
            files[f"{SUITE}{suite}.csv"] = overall_csv(self._of_scopes(f"suite {suite}"))
        benchmarks = sorted({f"benchmark {entry.task.benchmark}" for entry in self.entries})
        files[OVERALL] = overall_csv(self._of_scopes(ALL, *benchmarks))
        if self.searches:
            files |= {SEARCHED: searches_csv(self.searches), CURVES: curves_csv(self.searches)}
        if self.generation:
            files[GENERATED] = generation_csv(self.generation)
        return files

    def page(self, scores: Mapping[str, TaskScores], facts: Facts, csv_folder: str = "") -> dict[str, bytes]:
        """The files of the page, with the charts that these scores allow, and what is known besides the records."""
        return page_files(
            self.entries, self.ranked, self.suites, self.searches, self.generation, scores, facts, csv_folder
        )

    def manifest(self, tables: dict[str, bytes]) -> bytes:
        """Which tables and versions the records come from, and the SHA-256 of every CSV file made from them."""
        tables_of: dict[str, set[str]] = {}
        for record in self.records:
            tables_of.setdefault(record.task.benchmark, set()).add(record.task.table)
        others: list[SearchedProblem | GenerationProblem] = [*self.searches, *self.generation]
        for problem in others:
            tables_of.setdefault(problem.task.benchmark, set()).add(problem.task.table)
        made_with = {_made_with(record) for record in self.records}
        made_with |= {text for problem in others for text in problem.made_with}
        manifest = {
            "records": len(self.records),
            "tables": {name: sorted(tables_of[name]) for name in sorted(tables_of)},
            "made_with": sorted(made_with),
            "files": {name: hashlib.sha256(table).hexdigest() for name, table in tables.items()},
        }
        return (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()

    def files(self) -> dict[str, bytes]:
        """The CSV files and the manifest by name."""
        tables = self.tables()
        return {**tables, MANIFEST: self.manifest(tables)}

    def pictures(self) -> dict[str, Spec]:
        """Specifications of the pictures by name of their files: heat map, a few tables, each generation problem."""
        pictures = {f"{problem.task.name}.svg": generation_picture(problem) for problem in self.generation}
        for name, suites in PICTURES.items():
            ranked, learned = (self._entries_of(self.suites.get(suite, [])) for suite in suites)
            if ranked:
                pictures[name] = overview(ranked, learned)
        heat = heat_picture(self.entries, self.suites)
        if heat is not None:
            pictures[HEAT] = heat
        return pictures

    def _entries_of(self, tasks: Iterable[str]) -> list[Entry]:
        chosen = set(tasks)
        return [entry for entry in self.entries if entry.task.name in chosen]

    def _of_scopes(self, *names: str) -> list[Comparison]:
        return [comparison for comparison in self.comparisons if comparison.scope in names]


def build(folder: Path, leaderboard: Leaderboard | None = None, facts: Facts | None = None) -> dict[str, bytes]:
    """The files made from the records below `folder`/runs, by name.

    Without the extra "report" they do not include the page and the pictures, see `page.html.missing_extra`.

    Args:
        folder: the folder of the leaderboard.
        leaderboard: its content, if it has been read already.
        facts: what the page says about methods and benchmarks besides their figures.

    Raises:
        DataNotAvailable: when there are no records.
        CorruptData: for damaged records or scores, see `Leaderboard.of`.
    """
    leaderboard, facts = leaderboard or Leaderboard.of(folder), facts or Facts()
    files = leaderboard.files()
    if not missing_extra():
        files |= {name: draw(spec) for name, spec in leaderboard.pictures().items()}
        benchmarks = {entry.task.name: entry.task.benchmark for entry in leaderboard.entries}
        own = {
            name: found for name, found in _scores(folder).items() if facts.section(benchmarks.get(name, "")) == "ours"
        }
        files |= leaderboard.page({**own, **read_scores(_score_files(folder / RUNS))}, facts)
    return files


def write(folder: Path, leaderboard: Leaderboard | None = None, facts: Facts | None = None) -> list[Path]:
    """Write the files from `build`, remove earlier ones for tasks that are gone, and return the paths."""
    files = build(folder, leaderboard, facts)
    for name in _built_before(folder) - set(files):
        (folder / name).unlink(missing_ok=True)
    return _written(folder, files)


def write_local(folder: Path, leaderboard: Leaderboard | None = None, facts: Facts | None = None) -> list[Path]:
    """Write the page with all scores in `folder`/local to that folder, and return the paths, the page first.

    Arguments as in `build`.

    Raises:
        DataNotAvailable: if there are no records, or the extra "report", needed for the page, is not installed.
        CorruptData: if records or scores are damaged.
    """
    if missing_extra():
        raise DataNotAvailable(missing_extra())
    board = leaderboard or Leaderboard.of(folder)
    return _written(folder / LOCAL, board.page(_scores(folder), facts or Facts(), csv_folder="../"))


def _written(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write the files, and remove details of benchmarks that are not among them."""
    for path in (folder / DETAILS).glob("*.js"):
        if is_details(path.name) and f"{DETAILS}/{path.name}" not in files:
            path.unlink(missing_ok=True)
    return [replace_file(folder / name, content) for name, content in files.items()]


def differences(folder: Path) -> list[str]:
    """Names of files in `folder` that do not match its records: CSV files, the manifest and pictures.

    Pictures are compared by what they were drawn from, and by whether they are as they were drawn (`page.pictures`).
    The page, which is not committed, is not compared.
    """
    leaderboard = Leaderboard.of(folder)
    files = leaderboard.files()
    changed = [name for name, content in files.items() if not _same(folder / name, content)]
    changed += [name for name, spec in leaderboard.pictures().items() if not is_current(_content(folder / name), spec)]
    stale = {name for name in _built_before(folder) - set(files) if (folder / name).exists()}
    return sorted({*changed, *stale})


def _built_before(folder: Path) -> set[str]:
    """Names of the CSV files in the manifest of the folder; files of other origin are never removed."""
    try:
        files = json.loads((folder / MANIFEST).read_bytes())["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {name for name in files if _NAME.fullmatch(name) and name.endswith(".csv")}


def _same(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _content(path: Path) -> bytes:
    """The content of a file, empty if it is missing."""
    return path.read_bytes() if path.is_file() else b""


def _scores(folder: Path) -> dict[str, TaskScores]:
    """All scores of the folder by task; those in `local` count where both folders have a task."""
    files = {path.name: path for path in [*_score_files(folder / RUNS), *_score_files(folder / LOCAL)]}
    return read_scores(files.values())


def _score_files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{SUFFIX}"))


def _refuse_bad_names(names: Iterable[str]) -> None:
    for name in sorted(set(names)):
        if (
            not _NAME.fullmatch(name)
            or f"{name}.csv" in (OVERALL, SEARCHED, CURVES, GENERATED)
            or name.startswith(SUITE)
        ):
            raise CorruptData(f"no file can be named after {name!r}: rename the task or suite and run it again")


def _made_with(record: Record) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(record.provenance.items()) if name != "time")
