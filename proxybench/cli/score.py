"""The score command: zero-cost proxies of one architecture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proxybench.cli.output import Json, print_json, print_table, show
from proxybench.cli.scored_network import ScoredNetwork, images_of_shape, of_module, of_space

if TYPE_CHECKING:
    from proxybench.proxies.base import Proxy
    from proxybench.proxies.scores import Scores
    from proxybench.scores.reference import Reference


def score(
    where: Annotated[
        str | None, typer.Argument(metavar="[SPACE]", help="Search space, or benchmark on this machine.")
    ] = None,
    arch: Annotated[
        str | None, typer.Argument(metavar="[ARCH]", help="Architecture text; for a benchmark also digest or index.")
    ] = None,
    module: Annotated[
        str | None,
        typer.Option(help='Your own network: "my_models:make_net", a torch module or a function that makes it.'),
    ] = None,
    input_: Annotated[
        str, typer.Option("--input", help="With --module: channels, height and width of the images.")
    ] = "3,32,32",
    proxies: Annotated[str, typer.Option(help='Comma-separated names, "module:name" for your own, or all.')] = "all",
    images: Annotated[
        str | None,
        typer.Option(
            help="cifar10:PATH of cifar-10-python.tar.gz, parquet:FOLDER, digits or noise; for text tokens:LENGTH. "
            "Default: noise, or tokens:64."
        ),
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Batch size.")] = 64,
    resolution: Annotated[int | None, typer.Option(min=1, help="Height and width to resize images to.")] = None,
    classes: Annotated[
        int | None, typer.Option(min=2, help="Number of logits; default: the images' classes, or the space's for text.")
    ] = None,
    network: Annotated[str, typer.Option(help="Network options, such as channels=16,cells=5.")] = "",
    initialisation: Annotated[str, typer.Option(help="Weights: torch, kaiming, xavier, gaussian, ...")] = "torch",
    seed: Annotated[int, typer.Option(help="Seed of weights, draws and images.")] = 0,
    among: Annotated[
        str | None,
        typer.Option(help="Space whose networks the percentiles refer to; default: that of ARCH, or nasbench201."),
    ] = None,
    nodes: Annotated[bool, typer.Option(help="One value per operation, for proxies that sum over layers.")] = False,
    as_json: Json = False,
) -> None:
    """Compute zero-cost proxies of one architecture or of your own network.

    An architecture has the weights, images and draws of `proxybench compute`. Larger is better for every proxy. A
    percentile is the share of a reference population with lower scores. A pass shared by several proxies is listed on
    its own line.

    Examples: proxybench score nasbench201 ARCH --proxies synflow,nwot
    proxybench score --module my_models:make_net --input 3,32,32 --classes 10
    """
    from proxybench.sweeps.sweep import require_torch

    require_torch()
    from proxybench.progress import count_progress
    from proxybench.proxies.score import prepare

    chosen = _choose(proxies, nodes)
    if module is None:
        if where is None or arch is None:
            raise typer.BadParameter(
                "name a space and an architecture, or your own network: --module my_models:make_net"
            )
        scored = of_space(where, arch, images, batch, resolution, classes, network, initialisation, seed)
    else:
        _require_absent("--module", space=where, resolution=resolution, network=network)
        data = images_of_shape(images or "noise", input_, batch, classes, seed)
        scored = of_module(module, data, initialisation, seed)
    data = scored.images
    try:
        with count_progress("proxies", len(chosen)) as on_proxy:
            scores = prepare(scored.network, data.images, data.labels, seed=scored.seed).run(chosen, on_proxy)
    except ValueError as error:
        raise _refusal(error) from error
    population = _population(scored, among)
    shape = data.images.shape
    percentiles = {} if population is None else population.percentiles(scores.values, shape)
    if as_json:
        print_json(_answer(scored, chosen, scores, nodes, percentiles, population))
    elif nodes:
        rows = zip(scores.operations, *(scores.nodes[one.name] for one in chosen), strict=True)
        print_table(("operation", *(one.name for one in chosen)), [(name, *map(show, row)) for name, *row in rows])
    else:
        print_table(("proxy", "value", "percentile", "seconds", "direction"), _rows(chosen, scores, percentiles))
        if population is not None:
            typer.echo(f"\n{population.describe(shape)}")


def _require_absent(option: str, **others: object) -> None:
    """Raise BadParameter for options that mean nothing together with `option`."""
    for name, value in others.items():
        if value:
            raise typer.BadParameter(f"it cannot be combined with {option}", param_hint=name)


def _population(scored: ScoredNetwork, among: str | None) -> Reference | None:
    from proxybench.scores.reference import BY_DEFAULT, reference, reference_or_none

    shape = scored.images.images.shape
    if among is not None:
        return reference(among, shape)
    return reference_or_none(scored.space or BY_DEFAULT, shape)


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


def _refusal(error: Exception) -> Exception:
    from proxybench.errors import ProxybenchError

    return ProxybenchError(str(error))


def _rows(chosen: list[Proxy], scores: Scores, percentiles: Mapping[str, float]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for one in chosen:
        why = scores.unanswered.get(one.name)
        value = show(scores.values[one.name]) if why is None else f"no answer: {why}"
        direction = "larger" if one.sign > 0 else "larger (published: smaller)"
        percentile = percentiles.get(one.name, math.nan)
        place = "-" if math.isnan(percentile) else f"{percentile:.1f}"
        rows.append((one.name, value, place, f"{scores.seconds[one.name]:.3f}", direction))
    shared = scores.seconds.keys() - scores.values.keys()
    return rows + [
        (f"({name})", "", "", f"{scores.seconds[name]:.3f}", "") for name in scores.seconds if name in shared
    ]


def _answer(
    scored: ScoredNetwork,
    chosen: list[Proxy],
    scores: Scores,
    nodes: bool,
    percentiles: Mapping[str, float],
    population: Reference | None,
) -> dict[str, Any]:
    answers = []
    for one in chosen:
        answer = {
            "proxy": one.name,
            "version": one.version,
            "value": scores.values[one.name],
            "percentile": percentiles.get(one.name),
            "seconds": scores.seconds[one.name],
            "unanswered": scores.unanswered.get(one.name),
            "sign": one.sign,
        }
        if nodes:
            answer["nodes"] = scores.nodes[one.name].tolist()
        answers.append(answer)
    return {
        **scored.identity,
        "images": scored.images.description,
        "among": None if population is None else {"space": population.name, "networks": population.size},
        "operations": list(scores.operations) if nodes else None,
        "scores": answers,
        "passes": {name: seconds for name, seconds in scores.seconds.items() if name not in scores.values},
    }
