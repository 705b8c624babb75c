"""The score command: zero-cost proxies of one architecture."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proxybench.cli.output import Json, print_json, print_table, show

if TYPE_CHECKING:
    from predictors.arch import ArchGraph
    from proxybench.images.batch import ImageBatch
    from proxybench.networks.base import Network
    from proxybench.proxies.base import Proxy
    from proxybench.proxies.scores import Scores


def score(
    where: Annotated[str, typer.Argument(metavar="SPACE", help="Search space, or benchmark on this machine.")],
    arch: Annotated[str, typer.Argument(help="Architecture text; for a benchmark also digest or index.")],
    proxies: Annotated[str, typer.Option(help='Comma-separated names, "module:name" for your own, or all.')] = "all",
    images: Annotated[
        str, typer.Option(help="cifar10:PATH of cifar-10-python.tar.gz, parquet:FOLDER, digits or noise.")
    ] = "noise",
    batch: Annotated[int, typer.Option(min=1, help="Batch size.")] = 64,
    resolution: Annotated[int | None, typer.Option(min=1, help="Height and width to resize images to.")] = None,
    classes: Annotated[int | None, typer.Option(min=2, help="Number of logits; default: the images' classes.")] = None,
    network: Annotated[str, typer.Option(help="Network options, such as channels=16,cells=5.")] = "",
    initialisation: Annotated[str, typer.Option(help="Weights: torch, kaiming, xavier, gaussian, ...")] = "torch",
    seed: Annotated[int, typer.Option(help="Seed of weights, draws and images.")] = 0,
    nodes: Annotated[bool, typer.Option(help="One value per operation, for proxies that sum over layers.")] = False,
    as_json: Json = False,
) -> None:
    """Compute zero-cost proxies of one architecture, with the weights, images and draws of `proxybench compute`.

    Larger is better for every proxy. A pass shared by several proxies is listed on its own line.
    """
    from proxybench.grammar import parse_arguments
    from proxybench.images.batch import load_batch
    from proxybench.sweeps.sweep import require_torch, seed_of

    require_torch()
    from proxybench.proxies.score import prepare

    graph = _architecture(where, arch)
    chosen = _choose(proxies, nodes)
    data = load_batch(images, batch, resolution=resolution, seed=seed)
    own_seed = seed_of(seed, _space_of(graph).digest(graph))
    built = _build(graph, data, classes, parse_arguments(network), initialisation, own_seed)
    try:
        scores = prepare(built, data.images, data.labels, seed=own_seed).run(chosen)
    except ValueError as error:
        raise _refusal(error) from error
    if as_json:
        print_json(_answer(graph, data, chosen, scores, nodes))
    elif nodes:
        rows = zip(scores.operations, *(scores.nodes[one.name] for one in chosen), strict=True)
        print_table(("operation", *(one.name for one in chosen)), [(name, *map(show, row)) for name, *row in rows])
    else:
        print_table(("proxy", "value", "seconds", "direction"), _rows(chosen, scores))


def _architecture(where: str, text: str) -> ArchGraph:
    """The architecture of a space or, if `where` is a benchmark, possibly by digest or index in its table."""
    from proxybench.errors import InvalidArchitecture, unknown_name
    from proxybench.spaces import SPACES, get_space
    from proxybench.tables.sources.registry import load_registry

    benchmarks = load_registry().benchmarks
    if where not in SPACES and where not in benchmarks:
        raise unknown_name("search space or benchmark", where, sorted({*SPACES, *benchmarks}))
    try:
        return get_space(where if where in SPACES else benchmarks[where].space).parse(text)
    except InvalidArchitecture:
        if where not in benchmarks or not set(text) <= set(string.hexdigits):
            raise
    from proxybench.cli.data import _row
    from proxybench.tables.benchmark import load

    bench = load(where)
    return bench.arch(_row(bench, text))


def _space_of(graph: ArchGraph) -> Any:
    from proxybench.spaces import get_space

    return get_space(graph.space)


def _choose(names: str, nodes: bool) -> list[Proxy]:
    """The proxies by name; "module:name" for the user's own."""
    from proxybench.proxies.score import choose
    from proxybench.sweeps.selection import ALL, load_proxy

    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if not wanted:
        raise typer.BadParameter("name a proxy, or all", param_hint="--proxies")
    if wanted == [ALL]:
        return choose(None, labelled=True, nodes=nodes)
    try:
        return choose([load_proxy(name) if ":" in name else name for name in wanted], labelled=True, nodes=nodes)
    except ValueError as error:
        raise _refusal(error) from error


def _build(
    graph: ArchGraph, data: ImageBatch, classes: int | None, options: dict[str, Any], initialisation: str, seed: int
) -> Network:
    """The network with the same weights as in a sweep."""
    import torch

    from proxybench.networks import build
    from proxybench.networks.initialise import initialise

    channels, height, width = data.images.shape[1:]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            network = build(graph, data.classes if classes is None else classes, (channels, height, width), **options)
        except (TypeError, ValueError) as error:
            raise _refusal(error, "the network cannot be built: ") from error
    if initialisation != "torch":
        initialise(network, initialisation, seed)
    return network


def _refusal(error: Exception, before: str = "") -> Exception:
    from proxybench.errors import ProxybenchError

    return ProxybenchError(f"{before}{error}")


def _rows(chosen: list[Proxy], scores: Scores) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for one in chosen:
        why = scores.unanswered.get(one.name)
        value = show(scores.values[one.name]) if why is None else f"no answer: {why}"
        direction = "larger" if one.sign > 0 else "larger (published: smaller)"
        rows.append((one.name, value, f"{scores.seconds[one.name]:.3f}", direction))
    shared = scores.seconds.keys() - scores.values.keys()
    return rows + [(f"({name})", "", f"{scores.seconds[name]:.3f}", "") for name in scores.seconds if name in shared]


def _answer(graph: ArchGraph, data: ImageBatch, chosen: list[Proxy], scores: Scores, nodes: bool) -> dict[str, Any]:
    answers = []
    for one in chosen:
        answer = {
            "proxy": one.name,
            "version": one.version,
            "value": scores.values[one.name],
            "seconds": scores.seconds[one.name],
            "unanswered": scores.unanswered.get(one.name),
            "sign": one.sign,
        }
        if nodes:
            answer["nodes"] = scores.nodes[one.name].tolist()
        answers.append(answer)
    return {
        "space": graph.space,
        "arch": _space_of(graph).format(graph),
        "images": data.description,
        "operations": list(scores.operations) if nodes else None,
        "scores": answers,
        "passes": {name: seconds for name, seconds in scores.seconds.items() if name not in scores.values},
    }
