"""The work of one folder on a Dask cluster: the client holds the claims and writes the shards."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from importlib import import_module
from typing import Any

import pyarrow as pa

from predictors.errors import how_to_install
from proxybench.errors import ProxybenchError
from proxybench.jobs.dask_execute import AHEAD, CONNECT_S, NO_WORKERS_S, ClusterLost
from proxybench.jobs.shards import POLL_S, Progress, Run, Work, prepared


def do_on_cluster(
    work: Work, scheduler: str, on_progress: Progress | None = None, *, no_workers_s: float = NO_WORKERS_S
) -> None:
    """Like `shards.do`, on the cluster; the workers need the same packages, but no access to the folder.

    A chunk whose Dask worker died is retried elsewhere, as often as the scheduler allows.

    Args:
        work: from `begin` or `load`.
        scheduler: address, such as "tcp://10.0.0.1:8786".
        on_progress: called repeatedly with the number of items done.
        no_workers_s: how long the cluster may be without workers.

    Raises:
        ClusterLost: if the scheduler does not answer or goes away, or has no workers. Finished chunks are kept.
        ProxybenchError: if the package `distributed` is not installed, or a chunk's workers keep dying.
    """
    try:
        distributed = import_module("distributed")
    except ImportError as error:
        raise ProxybenchError(f"a Dask cluster needs distributed; {how_to_install('dask')}") from error
    try:
        client = distributed.Client(scheduler, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterLost(f"no Dask scheduler answers at {scheduler}: {error}") from error
    with client, ExitStack() as claims:
        handed: dict[Any, tuple[int, ExitStack]] = {}
        with_workers = time.monotonic()
        while missing := work.missing():
            if on_progress is not None:
                on_progress(work.done())
            threads = _threads(client, distributed)
            with_workers = time.monotonic() if threads else with_workers
            if time.monotonic() - with_workers > no_workers_s:
                raise ClusterLost(f"the Dask scheduler has had no workers for {no_workers_s:.0f} s; start some")
            in_hand = {number for number, _ in handed.values()}
            for number in (number for number in missing if number not in in_hand):
                if len(handed) >= AHEAD * threads:
                    break
                claim = ExitStack()
                if claim.enter_context(work.claimed(number)):
                    claims.enter_context(claim)
                    handed[_submit(client, work, number)] = number, claim
                else:
                    claim.close()
            with client.as_current():
                _collect(distributed, work, handed)
        if on_progress is not None:
            on_progress(work.done())


def do_there(digest: str, run: str, setting: Mapping[str, Any], files: Mapping[str, bytes], items: bytes) -> bytes:
    """Runs on a Dask worker: does one chunk, as an Arrow stream each way; one at a time per process."""
    with _alone:
        if digest not in _ready:
            _ready.clear()
            _ready[digest] = prepared(run, setting, files)
        return _to_bytes(_ready[digest](_from_bytes(items)))


_alone = threading.Lock()  # all threads share torch's random state
_ready: dict[str, Run] = {}


def _submit(client: Any, work: Work, number: int) -> Any:
    # A unique key: with equal keys two clients would share one task, and so lose it together.
    key = f"proxybench-{uuid.uuid4().hex}"
    setting, files, items = dict(work.setting), dict(work.files), _to_bytes(work.items_of(number))
    return client.submit(do_there, work.digest, work.run, setting, files, items, key=key)


def _collect(distributed: Any, work: Work, handed: dict[Any, tuple[int, ExitStack]]) -> None:
    """Write the shards of finished chunks, after a short wait for one."""
    if not handed:
        time.sleep(POLL_S)
        return
    with suppress(TimeoutError, distributed.CancelledError):
        distributed.wait(list(handed), timeout=POLL_S, return_when="FIRST_COMPLETED")
    for future in [future for future in handed if future.status != "pending"]:
        number, claim = handed[future]
        try:
            work.write(number, _from_bytes(future.result(timeout=CONNECT_S)))
        except distributed.KilledWorker as error:
            raise ProxybenchError(f"Dask workers died with chunk {number}: {error}") from error
        except TimeoutError:
            continue  # it was lost with its Dask worker, and is being recomputed
        except (distributed.CancelledError, distributed.comm.CommClosedError) as error:
            raise ClusterLost("the Dask scheduler is gone; run the same command again for the rest") from error
        del handed[future]
        claim.close()


def _threads(client: Any, distributed: Any) -> int:
    try:
        return sum(client.nthreads().values())
    except (OSError, distributed.client.ClosedClientError) as error:
        raise ClusterLost("the Dask scheduler is gone; run the same command again for the rest") from error


def _to_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _from_bytes(content: bytes) -> pa.Table:
    return pa.ipc.open_stream(content).read_all()
