"""The Typer application and its commands."""

from __future__ import annotations

from typing import Annotated

import typer

from proxybench.cli import (
    compute,
    data,
    doctor,
    gaps,
    generate,
    importing,
    latency,
    listing,
    new,
    oneshot,
    ranking,
    score,
    search,
    train,
    update,
)

app = typer.Typer(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Tabular NAS benchmarks, zero-cost proxies and predictors, ranked honestly.",
)
leaderboard = typer.Typer(no_args_is_help=True, help="Build or check the leaderboard from the recorded runs.")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        from predictors.errors import DISTRIBUTION

        typer.echo(version(DISTRIBUTION))
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Every command has --help with an example."""
    if quiet:
        from proxybench import progress

        progress.quiet.set(True)


app.command("list", epilog="Example: proxybench list tasks --json")(listing.list_)
app.command(epilog="Example: proxybench fetch nasbench201 nasbench101")(data.fetch)
app.command(epilog="Example: proxybench verify")(data.verify)
app.command(epilog="Example: proxybench info nasbench201")(data.info)
app.command(
    "import",
    epilog="Example: proxybench import csv results.csv --arch arch --space nasbench201 --seed seed "
    "--target val_acc@108,test_acc@108 --name mine",
)(importing.import_)
app.command(epilog="Example: proxybench remove mine")(importing.remove)
app.command(
    epilog="Example: proxybench query nasbench201 284 --dataset cifar10 --metric test_acc --epochs 200 --seed mean"
)(data.query)
app.command(epilog="Example: proxybench doctor --json")(doctor.doctor)
app.command(epilog="Example: proxybench run --suite published")(ranking.run)
app.command(
    epilog="Example: proxybench compute nasbench201 --proxies synflow,nwot --images cifar10:cifar-10-python.tar.gz "
    "--network channels=16,cells=5 --jobs 4 --output nb201 --table nb201.parquet"
)(compute.compute)
app.command(
    epilog="Example: proxybench score nasbench201 '|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|' "
    "--proxies synflow,nwot --images digits --network channels=16,cells=5"
)(score.score)
app.command(
    "train-table",
    epilog="Example: proxybench train-table nasbench201 --images cifar10:cifar-10-python.tar.gz --sample 500 "
    "--seeds 3 --jobs 4 --output trained --table trained-nasbench201.parquet",
)(train.train_table)
app.command(
    epilog="Example: proxybench search nasbench201 --dataset cifar10 --objective val_acc@12 "
    "--report test_acc@200 --searcher robot --budget 20 --seeds 10"
)(search.search)
app.command(
    epilog="Example: proxybench generate nasbench201 --dataset cifar10 --n 20 --guide val_acc@200 "
    '--constraint "latency_ms@edgegpu<5" --csv generated.csv'
)(generate.generate)
app.command(
    "train-generator", epilog="Example: proxybench train-generator nasbench101 --output generator-nasbench101.npz"
)(generate.train_generator)
app.command(
    epilog="Example: proxybench oneshot nasbench201 --method spos --images cifar10:cifar-10-python.tar.gz --epochs 50 "
    "--evaluate trained-nasbench201 --output spos --scores spos.csv"
)(oneshot.oneshot)
app.command(epilog="Example: proxybench latency mbconv-micro --output latencies.json --repeats 20")(latency.latency)
leaderboard.command("build", epilog="Example: proxybench leaderboard build --folder leaderboard")(ranking.build)
leaderboard.command("update", epilog="Example: proxybench leaderboard update --repeats 3")(update.update)
leaderboard.command("check", epilog="Example: proxybench leaderboard check --folder leaderboard")(ranking.check)
leaderboard.command(
    "show", epilog="Example: proxybench leaderboard show --task nasbench201-cifar10-predict --compare gbdt"
)(ranking.show)
leaderboard.command("gaps", epilog="Example: proxybench leaderboard gaps --suite full-size --fail-under 95")(gaps.gaps)
leaderboard.command("serve", epilog="Example: proxybench leaderboard serve --port 8765")(ranking.serve)
app.add_typer(leaderboard, name="leaderboard")
app.add_typer(new.app, name="new")
