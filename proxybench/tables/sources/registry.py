"""The source registry: the files of each benchmark, their locations, and their hashes.

A benchmark is built from downloaded files, or from files that come with the project. `data/registry.toml` is read
once and checked against the structures below; a mistake in it is an error that names the entry.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import PurePosixPath

import msgspec

from predictors.errors import unknown_name
from proxybench.errors import CorruptData
from proxybench.resources import data_path

_HEX = "0123456789abcdef"


class SourceFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a public source.

    Attributes:
        urls: addresses that serve exactly these bytes, tried in order.
        path: location relative to a mirror and to the cache; "/" separated.
        sha256: SHA-256 of the content, 64 lower-case hexadecimal digits.
        bytes: size of the file.
        licence: licence stated by the source.
    """

    urls: tuple[str, ...]
    path: str
    sha256: str
    bytes: int
    licence: str

    def __post_init__(self) -> None:
        if len(self.sha256) != 64 or set(self.sha256) - set(_HEX):
            raise ValueError(f"sha256 {self.sha256!r} is not 64 lower-case hexadecimal digits")
        if not _is_relative(self.path):
            raise ValueError(f"path {self.path!r} is not a relative path below the cache")


class Use(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One importer applied to some files: `importer(paths, space, **args)` gives a Fragment.

    Attributes:
        importer: "module:function" below proxybench.tables.importers.
        files: names of SourceFile entries, or all of `shipped` files, in the order the importer takes them.
        args: keyword arguments of the importer.
        fills: whether its values only fill gaps of earlier sources, and need not agree with them.
    """

    importer: str
    files: tuple[str, ...]
    args: dict[str, str | int | float | bool | list[str]] = {}
    fills: bool = False


class Addition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sources that joined a table after results on it had been recorded; see `BenchmarkEntry.edition`.

    Attributes:
        sources: the importer uses, after all earlier ones.
        title, population, datasets: texts that replace the earlier ones; empty to keep them.
        citation: text that follows the earlier one.
        caveats: caveats that follow the earlier ones.
        withdrawn: beginnings of earlier caveats that no longer hold.
    """

    sources: tuple[Use, ...]
    title: str = ""
    population: str = ""
    datasets: str = ""
    citation: str = ""
    caveats: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()


class BenchmarkEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table: its space, the importer uses that fill it, and the texts of its card.

    A table grows by additions. Edition 1 has the first sources only; each addition makes one more edition, which keeps
    the rows and values of the one before. Results refer to the first edition that has what they use, so an addition
    changes neither a recorded task nor what its methods see.

    Attributes:
        checks: agreement of the table with second sources, in figures; what they say is no part of the table's recipe.
    """

    space: str
    title: str
    population: str
    citation: str
    datasets: str
    sources: tuple[Use, ...] = ()
    caveats: tuple[str, ...] = ()
    additions: tuple[Addition, ...] = ()
    checks: tuple[str, ...] = ()

    @property
    def editions(self) -> list[BenchmarkEntry]:
        """The entry of each edition, the whole one last."""
        return [msgspec.structs.replace(self, additions=self.additions[:n]) for n in range(len(self.additions) + 1)]

    @property
    def flat(self) -> BenchmarkEntry:
        """The same table without additions: their sources and texts among its own. Raises ValueError: see `_joined`."""
        entry = msgspec.structs.replace(self, additions=())
        for addition in self.additions:
            entry = _joined(entry, addition)
        return entry


def _joined(entry: BenchmarkEntry, addition: Addition) -> BenchmarkEntry:
    """An entry with the content of an addition. Raises ValueError if a withdrawn caveat does not exist."""
    for beginning in addition.withdrawn:
        if not any(caveat.startswith(beginning) for caveat in entry.caveats):
            raise ValueError(f"no earlier caveat starts with the withdrawn {beginning!r}")
    kept = [caveat for caveat in entry.caveats if not caveat.startswith(addition.withdrawn)]
    return msgspec.structs.replace(
        entry,
        sources=entry.sources + addition.sources,
        title=addition.title or entry.title,
        population=addition.population or entry.population,
        datasets=addition.datasets or entry.datasets,
        citation=f"{entry.citation} {addition.citation}".strip(),
        caveats=(*kept, *addition.caveats),
    )


class SourceRegistry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All files and all benchmarks, by name.

    Attributes:
        shipped: files that come with the project, as paths below its data folder. They are neither downloaded nor
            pinned: the recipe of a table contains their current SHA-256.
    """

    files: dict[str, SourceFile] = {}
    shipped: dict[str, str] = {}
    benchmarks: dict[str, BenchmarkEntry] = {}

    def benchmark(self, name: str) -> BenchmarkEntry:
        """The entry called `name`. Raises UnknownName, suggesting the nearest name."""
        if name not in self.benchmarks:
            raise unknown_name("benchmark", name, self.benchmarks)
        return self.benchmarks[name]

    def files_of(self, name: str) -> dict[str, SourceFile]:
        """The files of a benchmark to download, by name, each once; none if it comes with the project."""
        return {file: self.files[file] for file in self._names_of(name) if file in self.files}

    def shipped_of(self, name: str) -> dict[str, str]:
        """The files of a benchmark that come with the project, as paths below its data folder, by name."""
        return {file: self.shipped[file] for file in self._names_of(name) if file in self.shipped}

    def _names_of(self, name: str) -> list[str]:
        return [file for use in self.benchmark(name).flat.sources for file in use.files]


def parse_registry(text: str, origin: str) -> SourceRegistry:
    """Read and check a registry. Raises CorruptData, naming the entry and the problem."""
    try:
        registry = msgspec.convert(tomllib.loads(text), SourceRegistry)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise CorruptData(f"{origin}: {error}") from error
    for file, path in registry.shipped.items():
        if file in registry.files:
            raise CorruptData(f"{origin}: {file!r} is both a file to download and one that comes with the project")
        if not _is_relative(path):
            raise CorruptData(f"{origin}: shipped {file!r}: {path!r} is not a relative path below the data folder")
    known = {**registry.files, **registry.shipped}
    for name, entry in registry.benchmarks.items():
        try:
            sources = entry.flat.sources
        except ValueError as error:
            raise CorruptData(f"{origin}: benchmark {name!r}: {error}") from error
        for use in sources:
            for file in use.files:
                if file not in known:
                    raise CorruptData(f"{origin}: benchmark {name!r}: {unknown_name('file', file, known)}")
        if registry.files_of(name) and registry.shipped_of(name):
            raise CorruptData(f"{origin}: benchmark {name!r} mixes files to download with files of the project")
    return registry


def _is_relative(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\\" not in path


@cache
def load_registry() -> SourceRegistry:
    """The registry that this project ships."""
    path = data_path("registry.toml")
    return parse_registry(path.read_text(encoding="utf-8"), str(path))
