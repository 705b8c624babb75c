"""The work of a sweep's chunk: scores architectures, with one network in memory at a time."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from predictors.errors import how_to_install
from proxybench.errors import ProxybenchError
from proxybench.images.batch import ImageBatch, read_batch
from proxybench.jobs.chunked_work import ChunkedWork, ChunkFunction, does_work
from proxybench.jobs.work_folder import begin
from proxybench.spaces import get_space
from proxybench.sweeps.selection import code_digest, load_proxy

if TYPE_CHECKING:
    from torch import Tensor

    from proxybench.networks.base import Network
    from proxybench.proxies.base import Proxy
    from proxybench.proxies.scores import Scores

RUN = "proxybench.sweeps.sweep:prepare"
BATCH = "batch.npz"
SEED_RULE = "first 8 bytes of BLAKE2b-64 of 'SEED DIGEST' // 2, for the weights and for the probe"


def require_torch() -> None:
    """Raise ProxybenchError, saying what to install, if torch is missing."""
    if importlib.util.find_spec("torch") is None:
        raise ProxybenchError(f"zero-cost proxies need torch; {how_to_install('torch')}")


def sweep_work(
    folder: Path,
    space: str,
    items: pa.Table,
    proxies: Mapping[str, Mapping[str, Any]],
    batch: ImageBatch,
    *,
    network: Mapping[str, Any] | None = None,
    classes: int | None = None,
    initialisation: str = "torch",
    seed: int = 0,
    device: str = "cpu",
    chunk: int | None = None,
) -> ChunkedWork:
    """The work of a sweep, to be started with `work_folder.begin`.

    Args:
        folder: folder of this sweep.
        space: space of the architectures.
        items: columns digest and arch, from `selection.items_of`.
        proxies: identities by name, from `selection.choose_proxies`.
        batch: the images, or tokens for networks that read text.
        network: options of the space's network.
        classes: number of logits; by default that of the batch, or of the network if the batch has none.
        initialisation: weight initialisation, by its name in networks.initialise; "torch" keeps the constructors' draw.
        seed: seed of weights and draws; see SEED_RULE.
        device: torch device.
        chunk: architectures per shard; by default 16, or fewer if there are less than a thousand.

    Raises:
        ProxybenchError: if the network cannot be built with these options, or has too few logits.
        UnknownName: if the space has no networks, or the initialisation is unknown.
    """
    import torch

    if items.num_rows == 0:
        raise ProxybenchError("no architectures to compute")
    setting = {
        "space": space,
        "network": dict(network or {}),
        "classes": batch.classes if classes is None else classes,
        "initialisation": initialisation,
        "seed": seed,
        "seed rule": SEED_RULE,
        "images": batch.description,
        "proxies": {name: dict(identity) for name, identity in proxies.items()},
        "device": device,
        "torch": torch.__version__,
    }
    if get_space(space).builds_networks:
        setting["space code"] = code_digest(type(get_space(space)))
    if setting["classes"] is not None and setting["classes"] <= batch.labels.max():
        raise ProxybenchError(f"{setting['classes']} classes are too few for labels up to {batch.labels.max()}")
    _check_network(setting, batch, items.column("arch")[0].as_py())
    chunk = max(1, min(16, items.num_rows // 64)) if chunk is None else chunk
    return ChunkedWork(folder, RUN, setting, items, {BATCH: batch.to_bytes()}, chunk)


def begin_sweep(folder: Path, *arguments: Any, **named: Any) -> ChunkedWork:
    """The work of a sweep in its folder, started or resumed; arguments and errors as in `sweep_work`.

    Raises:
        OtherSetting: if the folder holds another sweep.
    """
    return begin(sweep_work(folder, *arguments, **named))


def _check_network(setting: Mapping[str, Any], batch: ImageBatch, text: str) -> None:
    """Detect wrong options now rather than for every architecture."""
    try:
        _Sweep(setting, batch.images, batch.labels).network(text, 0)
    except (AssertionError, ImportError, RuntimeError, TypeError, ValueError) as error:
        raise ProxybenchError(f"the network of {text} cannot be built: {error}") from error


@dataclass(frozen=True)
class SweepProgress:
    """The outcome for the architectures so far.

    Attributes:
        done: number of architectures with a row.
        seconds: total seconds of work.
        errors: the error of each failed architecture.
        unanswered: number of architectures without an answer, by proxy.
    """

    done: int
    seconds: float
    errors: Mapping[str, str]
    unanswered: Mapping[str, int]


def forget_failed(work: ChunkedWork) -> int:
    """Remove the shards that hold a failed architecture, so that it is computed again; returns their number."""
    missing = set(work.missing())
    done = [number for number in range(work.chunks) if number not in missing]
    failed = [
        number
        for number, table in zip(done, work.tables(), strict=True)
        if any(error for error in table.column("error").to_pylist())
    ]
    return work.forget(failed)


def progress_of(work: ChunkedWork) -> SweepProgress:
    """The outcome of a sweep so far."""
    errors: dict[str, str] = {}
    unanswered: Counter[str] = Counter()
    done, seconds = 0, 0.0
    for table in work.tables():
        part = table.select(["arch", "error", "unanswered", "seconds"]).to_pydict()
        done += table.num_rows
        seconds += sum(part["seconds"])
        errors |= {arch: error for arch, error in zip(part["arch"], part["error"], strict=True) if error}
        for text in part["unanswered"]:
            unanswered.update(json.loads(text).keys())
    return SweepProgress(done, seconds, errors, dict(sorted(unanswered.items())))


def require_same_torch(setting: Mapping[str, Any]) -> None:
    """Raise ProxybenchError unless the version of torch is the one that the work was started with."""
    import torch

    if torch.__version__ != setting["torch"]:
        raise ProxybenchError(
            f"this work was started with torch {setting['torch']}, but {torch.__version__} is installed; use the same"
        )


@does_work
def prepare(setting: Mapping[str, Any], files: Mapping[str, bytes]) -> ChunkFunction:
    """The function from items (digest, arch) to rows of scores."""
    require_same_torch(setting)
    sweep = _Sweep(setting, *read_batch(files[BATCH]))

    def run(items: pa.Table) -> pa.Table:
        with one_thread():
            rows = [sweep.row(item["digest"], item["arch"]) for item in items.to_pylist()]
        return _table(rows, sweep.proxies)

    return run


def seed_of(seed: int, digest: str) -> int:
    """The seed of an architecture's weights and draws: SEED_RULE."""
    hashed = hashlib.blake2b(f"{seed} {digest}".encode(), digest_size=8).digest()
    return int.from_bytes(hashed, "big") >> 1


class _Sweep:
    """The setting, prepared for scoring one architecture after the other."""

    def __init__(self, setting: Mapping[str, Any], images: Any, labels: Any) -> None:
        import torch

        self._space = get_space(setting["space"])
        shape = images.shape[1:] if images.ndim == 4 else None  # texts have none
        self._options = {"num_classes": setting["classes"], "in_shape": shape, **setting["network"]}
        self._initialisation = setting["initialisation"]
        self._seed = setting["seed"]
        self._device = torch.device(setting["device"])
        self._images: Tensor = torch.from_numpy(images).to(self._device)
        self._labels: Tensor = torch.from_numpy(labels).to(self._device)
        self.proxies: list[Proxy] = [load_proxy(identity["target"]) for identity in setting["proxies"].values()]

    def row(self, digest: str, text: str) -> dict[str, Any]:
        """Scores of one architecture, or its error."""
        start = time.perf_counter()
        row: dict[str, Any] = {"digest": digest, "arch": text, "error": "", "unanswered": "{}"}
        try:
            scores = self._score(text, seed_of(self._seed, digest))
        except Exception as error:  # any error of a network or a user's proxy is recorded for this architecture
            row["error"] = f"{type(error).__name__}: {error}"
        else:
            row |= {f"proxy:{name}": value for name, value in scores.values.items()}
            row |= {f"nodes:{name}": values for name, values in scores.nodes.items()}
            row |= {f"seconds:{name}": seconds for name, seconds in scores.seconds.items()}
            row["unanswered"] = json.dumps(scores.unanswered)
        row["seconds"] = time.perf_counter() - start
        return row

    def network(self, text: str, seed: int) -> Network:
        """The network of an architecture with weights drawn with `seed`; the global random state is unchanged."""
        import torch

        from proxybench.networks.initialise import initialise

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = self._space.build(self._space.parse(text), **self._options)
        if self._initialisation != "torch":
            initialise(network, self._initialisation, seed)
        return network.to(self._device)

    def _score(self, text: str, seed: int) -> Scores:
        from proxybench.proxies.probe import Probe

        scores = Probe(self.network(text, seed), self._images, self._labels, seed=seed).run(self.proxies)
        for error in scores.errors.values():
            raise error  # an architecture that failed can be tried again, one that has no answer need not
        return scores


def _table(rows: Sequence[Mapping[str, Any]], proxies: Sequence[Proxy]) -> pa.Table:
    """Rows as a table; the columns of proxies are the same for every chunk."""
    types = {"digest": pa.string(), "arch": pa.string(), "error": pa.string(), "unanswered": pa.string()}
    types |= {f"proxy:{proxy.name}": pa.float64() for proxy in proxies}
    types |= {f"nodes:{proxy.name}": pa.list_(pa.float64()) for proxy in proxies if proxy.per_layer}
    types["seconds"] = pa.float64()
    types |= {name: pa.float64() for row in rows for name in sorted(row) if name.startswith("seconds:")}
    absent: dict[str, Any] = {
        name: [] if pa.types.is_list(kind) else float("nan") if name.startswith("proxy:") else None
        for name, kind in types.items()
    }
    columns = {name: pa.array([row.get(name, absent[name]) for row in rows], type=kind) for name, kind in types.items()}
    return pa.table(columns)


@contextmanager
def one_thread() -> Iterator[None]:
    """Sum in one order whatever the number of cores, so that results do not depend on the number of workers."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
