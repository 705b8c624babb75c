"""A table's card: its content and its sources, in markdown, written together with the table.

The agreement with second sources is not written into it: it is added from the registry whenever a card is shown, so
that a new check needs no new import.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from proxybench.tables.sources.registry import BenchmarkEntry, SourceFile
from proxybench.tables.store.merge import MergedTable
from proxybench.tables.store.schema import MEAN, metric_of

_HEADING = re.compile(r"\n(#+ )")
MEAN_TOLERANCE = 0.02  # percent: published means are rounded to two digits, seeds too


def write_card(
    name: str,
    entry: BenchmarkEntry,
    files: Mapping[str, SourceFile],
    table: MergedTable,
    digests: Sequence[str],
    own: str = "",
) -> str:
    """The card as markdown.

    Args:
        name: name of the table.
        entry: descriptions of space, population, data sets, citation and caveats.
        files: sources of the table.
        table: its content.
        digests: the space's digest of each architecture.
        own: a card by the creator of the data, in markdown; it is appended with its headings one level lower.
    """
    lines = [
        *_opening(name, entry, f" {len(table.archs):,} architectures, {len(set(digests)):,} digests."),
        "| dataset | epochs | seed | metric | unit | measured | not finite |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *_block_rows(table),
        "",
        "## Notes from the sources",
        "",
        *(f"- {note}" for note in [*table.notes, *_mean_checks(table)]),
        "",
        *_sources(files),
    ]
    return "\n".join(lines) + (_HEADING.sub(r"\n#\1", f"\n{own}") if own else "")


def write_outline(name: str, entry: BenchmarkEntry, files: Mapping[str, SourceFile]) -> str:
    """What the registry says of a table that is not on this machine, as markdown. Arguments as in `write_card`."""
    return "\n".join([*_opening(name, entry), *_sources(files)])


def with_checks(card: str, entry: BenchmarkEntry) -> str:
    """A card, followed by what the registry says about the agreement of the table with second sources."""
    if not entry.checks:
        return card
    return "\n".join([card.rstrip("\n"), "", "## Checks", "", *(f"- {check}" for check in entry.checks), ""])


def _opening(name: str, entry: BenchmarkEntry, counted: str = "") -> list[str]:
    return [
        f"# {name}: {entry.title}",
        "",
        f"- Search space: {entry.space}",
        f"- Population: {entry.population}{counted}",
        f"- Data sets and splits: {entry.datasets}",
        f"- Citation: {entry.citation}",
        *(f"- {caveat}" for caveat in entry.caveats),
        "",
    ]


def _sources(files: Mapping[str, SourceFile]) -> list[str]:
    return [
        "## Sources",
        "",
        "| file | bytes | sha256 | licence |",
        "| --- | --- | --- | --- |",
        *(
            f"| {file.urls[0] if file.urls else file.path} | {file.bytes} | {file.sha256} | {file.licence} |"
            for file in files.values()
        ),
        "",
    ]


def _block_rows(table: MergedTable) -> list[str]:
    rows = []
    for key, block in table.blocks.items():
        for metric, column in sorted(block.items()):
            bad = int((column.measured & ~np.isfinite(column.values)).sum())
            rows.append(
                f"| {key.dataset} | {key.epochs} | {key.seed or '-'} | {metric} | {metric_of(metric).unit} "
                f"| {int(column.measured.sum()):,} | {bad:,} |"
            )
    return rows


def _mean_checks(table: MergedTable) -> list[str]:
    """The agreement of published means with the mean over the runs in the table."""
    notes = []
    for key, block in table.blocks.items():
        runs = [
            other
            for at, other in table.blocks.items()
            if key.seed == MEAN and at.seed.isdecimal() and (at.dataset, at.epochs) == (key.dataset, key.epochs)
        ]
        for metric, published in block.items():
            columns = [run[metric] for run in runs if metric in run]
            if not columns:
                continue
            count = np.sum([column.measured for column in columns], axis=0)
            total = np.sum([np.where(column.measured, column.values, 0.0) for column in columns], axis=0)
            both = published.measured & (count > 0)
            gap = np.abs(published.values[both] - total[both] / count[both])
            notes.append(
                f"{key.dataset}, {key.epochs} epochs: the published mean {metric} and the mean over runs agree to "
                f"{MEAN_TOLERANCE} for {int((gap <= MEAN_TOLERANCE).sum()):,} of {len(gap):,} architectures "
                f"(largest gap {gap.max():.4f})."
            )
    return notes
