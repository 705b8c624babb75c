"""Pages of the reference that are made from the code, the registries and the records when the documentation is built.

They are written to docs/reference, which holds nothing else but its index. `PAGES` names them.
"""

from __future__ import annotations

import inspect
import statistics
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from board_csv import read, table

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
MODULES = {
    "proxybench": "The main package: tables, evaluation, scores, search.",
    "predictors": "Architectures, and predictors of their accuracy. It needs nothing from `proxybench`.",
    "predictors.losses": "Losses for training a predictor by gradient descent.",
    "predictors.adapters": "Predictors inside Optuna, pymoo and NASLib.",
    "proxybench.proxies": "Zero-cost proxies: how to declare one, and what it is given.",
    "proxybench.search": "Searchers, step by step; `pb.search(...)` runs many of them in one call.",
    "proxybench.generation": "Architectures drawn from a diffusion model of a space.",
    "proxybench.oneshot": "Accuracies estimated with the weights of a supernet.",
    "proxybench.stats": "Intervals, tests and ceilings.",
}
MAIN = "proxybench"
RANKED = {
    "NB201": "nasbench201-cifar10-full-size",
    "NB101": "nasbench101-2000",
    "Macro": "nasbench-macro-full-size",
    "NATS size": "natsbench-size-full-size",
    "TransNAS micro": "transnas101-micro-class_scene-full-size",
    "TransNAS macro": "transnas101-macro-class_scene-full-size",
}


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx looks for documents."""
    app.connect("builder-inited", lambda _: write(ROOT / "docs" / "reference"))
    return {"parallel_read_safe": True, "version": "1"}


def write(folder: Path) -> list[Path]:
    """Write all pages to a folder, those that changed, and return their paths."""
    paths = []
    api = {f"api-{module.replace('.', '-')}": _api_page(module) for module in MODULES}
    for name, page in {**PAGES, **api}.items():
        path, text = folder / f"{name}.md", page().rstrip() + "\n"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
        paths.append(path)
    return paths


def first_line(thing: Any) -> str:
    """The first line of an object's docstring."""
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def plain(text: str) -> str:
    """Text in which Markdown and HTML mean nothing; code in backquotes stays code."""
    parts = text.split("`")
    kept = [part if number % 2 else _escaped(part) for number, part in enumerate(parts)]
    return "`".join(kept)


def _escaped(text: str) -> str:
    for mark in "\\*_[]<>#$":
        text = text.replace(mark, f"\\{mark}")
    return text


def proxies() -> str:
    """The page of proxies: what each is, needs and costs, and where it ranks."""
    from proxybench.proxies import PROXIES

    own = _own_seconds()
    ranks = {title: _taus(task) for title, task in (RANKED | _own_tables()).items()}
    head = ["proxy", "needs", "own time, ms", *ranks]
    rows = []
    for name in sorted(PROXIES):
        needs = ", ".join(sorted(PROXIES[name].needs)) or "the network"
        taus = [f"{found[name]:.2f}" if name in found else "" for found in ranks.values()]
        rows.append([f"[`{name}`](#proxy-{name.replace('_', '-')})", needs, own.get(name, ""), *taus])
    parts = [
        "# Proxies",
        f"The {len(PROXIES)} registered proxies of networks; larger is better. *Own time* is the median over the 6,466 "
        "functions of NAS-Bench-201 of what a proxy takes beyond the passes that it shares with others, on one core, "
        "with 16 images of 8 x 8 pixels. The other columns are Kendall's tau-b with the accuracy, of this project's "
        "scores: of published networks (NAS-Bench-101: of small ones; [what the board says](../results/board.md) "
        "has the sizes of the populations), and on its own tables (records in `leaderboard/`).",
        table(head, rows),
    ]
    for name in sorted(PROXIES):
        proxy = PROXIES[name]
        lines = [
            f"(proxy-{name.replace('_', '-')})=",
            f"## `{name}`",
            "",
            f"- Formula: {plain(proxy.formula)}",
            f"- Source: {plain(proxy.source)}",
            f"- Needs: {', '.join(sorted(proxy.needs)) or 'only the network'}",
            f"- Batch normalisation: {proxy.batch_norm}; weights: {proxy.initialisation}",
            f"- One value for each operation of the network: {'yes' if proxy.per_layer else 'no'}",
            f"- Version: {proxy.version}" + ("; the published quantity is negated" if proxy.sign < 0 else ""),
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _own_tables() -> dict[str, str]:
    """The tasks on which proxies are ranked by this project's own trainings."""
    from proxybench.evaluation.plans import suite_tasks

    return {f"own {task.benchmark.removeprefix('trained-')}": task.name for task in suite_tasks("trained")}


def _taus(task: str) -> dict[str, float]:
    rows = read(task)
    ours = {row["method"] for row in rows}
    return {
        row["method"].removesuffix("@proxybench"): float(row["kendall_tau_b"])
        for row in rows
        if row["kendall_tau_b"] and row["method"] + "@proxybench" not in ours
    }


def _own_seconds() -> dict[str, str]:
    import pyarrow.parquet as pq

    path = ROOT / "data" / "tables" / "nasbench201-proxies.parquet"
    names = [name for name in pq.read_schema(path).names if name.startswith("seconds:")]
    columns = pq.read_table(path, columns=names).to_pydict()
    medians = {name: statistics.median(v for v in values if v is not None) for name, values in columns.items()}
    return {name.removeprefix("seconds:"): _milliseconds(value) for name, value in medians.items()}


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f}" if seconds >= 0.01 else f"{1000 * seconds:.2g}"


def predictors() -> str:
    """The page of predictors and encodings."""
    from predictors import PREDICTORS

    intro = (
        "Each has `fit(X, y)` and `predict(X)`, and is made by `predictors.make(NAME, ...)`. Defaults were chosen on "
        "some tables; see [where defaults come from](../project/decisions.md). Results are in "
        "[Predictors](../results/predictors.md)."
    )
    return "\n\n".join(["# Predictors", intro, *_classes(PREDICTORS, hide=())])


def searchers() -> str:
    """The page of searchers."""
    from proxybench.search import SEARCHERS

    intro = (
        "Each is made by its name, in `pb.search(TABLE, [NAME, ...])`, in `proxybench search --searcher NAME` or step "
        "by step with `proxybench.search.make_searcher`; arguments are written in brackets, `robot(refit=false)`."
    )
    return "\n\n".join(["# Searchers", intro, *_classes(SEARCHERS, hide=("problem", "rng", "budget"))])


def one_shot() -> str:
    """The page of one-shot methods and the spaces with a supernet."""
    from proxybench.oneshot import METHODS, SUPERNETS

    intro = (
        "Each is made by its name, in `pb.OneShot(SPACE, NAME)` or `proxybench oneshot SPACE --method NAME`; settings "
        "are further arguments, written in brackets here, `few-shot(choice=3)`."
    )
    spaces_with = [
        "## Spaces with a supernet",
        table(
            ["space", "choices of a path"], ((f"`{name}`", plain(first_line(SUPERNETS[name]))) for name in SUPERNETS)
        ),
    ]
    return "\n\n".join(["# One-shot methods", intro, *_classes(METHODS, hide=()), *spaces_with])


def _classes(registry: Mapping[str, Any], hide: Sequence[str]) -> list[str]:
    parts = [
        table(["name", "what it is"], ((f"`{name}`", plain(first_line(registry[name]))) for name in sorted(registry)))
    ]
    for name in sorted(registry):
        kind = registry[name]
        given = [one for one in inspect.signature(kind).parameters.values() if one.name not in hide]
        arguments = ", ".join(
            f"{one.name}={one.default!r}" if one.default is not one.empty else one.name for one in given
        )
        parts.append(f"## `{name}`\n\n{_docstring(kind)}\n\nArguments and defaults: `{arguments or 'none'}`")
    return parts


def _docstring(thing: Any) -> str:
    """A docstring as Markdown: its sections become lists."""
    lines: list[str] = []
    in_section = False
    for line in (inspect.getdoc(thing) or "").splitlines():
        if line.rstrip() in ("Args:", "Attributes:", "Raises:", "Returns:"):
            in_section = True
            lines += ["", f"**{line.strip().rstrip(':')}**", ""]
        elif in_section and line.startswith("    ") and not line.startswith("     "):
            name, colon, text = line.strip().partition(": ")
            lines.append(f"- `{name}`: {plain(text)}" if colon and " " not in name else f"- {plain(line.strip())}")
        elif in_section and line.strip():
            lines.append(f"  {plain(line.strip())}")
        else:
            lines.append(line if line.startswith("    ") else plain(line))
    return "\n".join(lines)


def spaces() -> str:
    """The page of search spaces."""
    from proxybench.networks import NETWORKS
    from proxybench.spaces import SPACES, EnumerableSpace, get_space

    parts = [
        "# Search spaces",
        "Every space parses and formats its architectures, samples them, lists neighbours and tells isomorphic ones; "
        "`pb.get_space(NAME)` returns it. Where there is a network, `space.build(arch)` makes the torch module.",
    ]
    rows = []
    for name in sorted(SPACES):
        space = get_space(name)
        size = f"{len(space):,}" if isinstance(space, EnumerableSpace) else "not enumerable"
        rows.append([f"`{name}`", size, "yes" if name in NETWORKS else "", plain(space.source)])
    parts.append(table(["space", "architectures", "network", "source"], rows))
    for name in sorted(SPACES):
        space = get_space(name)
        parts.append(f"## `{name}`\n\n{_docstring(type(space))}\n\nAn architecture:\n\n```\n{space.example}\n```")
    return "\n\n".join(parts)


def benchmarks() -> str:
    """The page of benchmarks: their cards without the tables of what is measured."""
    import proxybench as pb

    registered = tomllib.loads((ROOT / "data" / "registry.toml").read_text())["benchmarks"]
    infos = pb.list_benchmarks()
    parts = [
        "# Benchmarks",
        "Tables that come with the project are read in place; others are fetched, or imported from official files, see "
        "[Tables and mirrors](../guides/tables.md). `pb.load(NAME).card` is the whole card, with what is measured and "
        "the digest of every source file. Read the known faults before you use a number.",
        table(
            ["benchmark", "space", "to fetch", "licence of the sources"],
            (
                [
                    f"[`{name}`](#benchmark-{name})",
                    f"`{info.space}`",
                    "comes with the project" if info.shipped else f"{info.bytes / 1e6:.1f} MB",
                    plain(", ".join(info.licences)),
                ]
                for name, info in infos.items()
                if name in registered
            ),
        ),
    ]
    for name, entry in sorted(registered.items()):
        faults = [f"  - {plain(fault)}" for fault in entry.get("caveats", ())] or ["  - none known"]
        lines = [
            f"(benchmark-{name})=",
            f"## `{name}`",
            "",
            f"{plain(entry['title'])}",
            "",
            f"- Space: `{entry['space']}`",
            f"- Population: {plain(entry['population'])}",
            f"- Data sets and splits: {plain(entry['datasets'])}",
            f"- Licence of the sources: {plain(', '.join(infos[name].licences))}",
            f"- Citation: {plain(entry['citation'])}",
            "- Known faults and limits:",
            *faults,
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def command_line() -> str:
    """The page of the command line: every command with its arguments and options."""
    from typer.main import get_command

    from proxybench.cli.app import app

    parts = [
        "# Command line",
        "`proxybench COMMAND --help` shows the same. Progress goes to standard error; the exit status is 1 if anything "
        "failed; `--json` prints data for other programs.",
    ]
    for names, command in _commands(get_command(app)):
        parts.append(f"## `{' '.join(['proxybench', *names])}`\n\n{plain(inspect.cleandoc(command.help or ''))}")
        if rows := [_parameter(parameter) for parameter in command.params if parameter.name != "help"]:
            parts.append(table(["argument or option", "what", "default"], rows))
        if command.epilog:
            parts.append(f"```sh\n{command.epilog.removeprefix('Example: ')}\n```")
    return "\n\n".join(parts)


def _commands(command: Any, names: tuple[str, ...] = ()) -> Iterable[tuple[tuple[str, ...], Any]]:
    for name, one in sorted(getattr(command, "commands", {}).items()):
        if getattr(one, "commands", None):
            yield from _commands(one, (*names, name))
        else:
            yield (*names, name), one


def _parameter(parameter: Any) -> list[str]:
    is_option = parameter.param_type_name == "option"
    named = ", ".join([*parameter.opts, *parameter.secondary_opts]) if is_option else (parameter.name or "").upper()
    default = parameter.default
    shown = "required" if parameter.required else "" if default in (None, False, "", ()) else f"`{default}`"
    return [f"`{named}`", plain(getattr(parameter, "help", None) or ""), shown]


def examples() -> str:
    """The gallery: every script of examples/ with what it prints."""
    parts = [
        "# Examples",
        "Each script runs in less than a minute on two cores, on what comes with the project; the tests run them all.",
    ]
    for path in sorted((ROOT / "examples").glob("*.py")):
        title, _, text = inspect.cleandoc(_docstring_of(path)).partition("\n")
        output = ROOT / "examples" / "output" / f"{path.stem}.txt"
        parts.append(f"## {title.rstrip('.')}\n\n{text.strip()}")
        parts.append(f"`python examples/{path.name}`")
        parts.append(f"```{{literalinclude}} ../../examples/{path.name}\n:language: python\n```")
        parts.append(f"```{{literalinclude}} ../../examples/output/{output.name}\n:language: text\n```")
    return "\n\n".join(parts)


def _docstring_of(path: Path) -> str:
    import ast

    return ast.get_docstring(ast.parse(path.read_text())) or ""


def _api_page(module: str) -> Callable[[], str]:
    def page() -> str:
        directive = f"```{{eval-rst}}\n.. automodule:: {module}\n   :members:\n   :undoc-members:\n"
        twice = _also_in_main(module)
        if twice:
            directive += f"   :exclude-members: {', '.join(twice)}\n"
        return f"# `{module}`\n\n{MODULES[module]}\n\n{directive}```"

    return page


def _also_in_main(module: str) -> list[str]:
    """The public names of a module that are those of the main package too, and are described there."""
    if module == MAIN:
        return []
    own, main = import_module(module), import_module(MAIN)
    shared = sorted(set(getattr(own, "__all__", ())) & set(main.__all__))
    return [name for name in shared if getattr(own, name) is getattr(main, name)]


PAGES: dict[str, Callable[[], str]] = {
    "command-line": command_line,
    "proxies": proxies,
    "predictors": predictors,
    "searchers": searchers,
    "one-shot": one_shot,
    "spaces": spaces,
    "benchmarks": benchmarks,
    "examples": examples,
}
