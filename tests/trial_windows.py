"""A program that uses proxybench where Python lacks what Windows lacks; run in a new interpreter by a test.

Modules that exist on Unix only cannot be imported, functions and signals that exist on Unix only are removed, and an
open file can be neither replaced nor removed. Packages from elsewhere, which are built for this system, find the rest.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

UNIX_MODULES = ("fcntl", "resource", "pwd", "grp", "termios", "syslog")
UNIX_NAMES = {
    os: ("killpg", "setsid", "setpgid", "getpgid", "fork", "forkpty", "waitid", "pread", "pwrite", "mkfifo", "fchmod",
         "sched_getaffinity", "O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_DIRECTORY"),
    signal: ("SIGKILL", "SIGHUP", "SIGUSR1", "SIGUSR2", "pause", "alarm", "setitimer"),
    socket: ("MSG_DONTWAIT", "AF_UNIX"),
    select: ("poll", "epoll"),
}  # fmt: skip


def lack_what_windows_lacks() -> None:
    sys.modules.update(dict.fromkeys(UNIX_MODULES))  # type: ignore[arg-type]  # None makes an import fail
    for module, names in UNIX_NAMES.items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    for name in ("replace", "rename", "unlink", "remove"):
        setattr(os, name, refusing_open_files(getattr(os, name)))


def refusing_open_files(change: Callable[..., None]) -> Callable[..., None]:
    def refuse(path: str, *others: object, **options: object) -> None:
        is_lock = str(path).endswith(".lock")  # filelock uses other calls for these on Windows
        if not is_lock and os.path.realpath(path) in {
            os.path.realpath(entry) for entry in Path("/proc/self/fd").glob("*")
        }:
            raise PermissionError(f"{path} is open")
        change(path, *others, **options)

    return refuse


def main(folder: Path) -> None:
    import numpy as np
    import torch

    import proxybench as pb
    from proxybench.errors import ProxybenchError
    from proxybench.files import held, replace_file
    from proxybench.jobs.journal import Journal
    from proxybench.leaderboard.build import write
    from proxybench.records import read_records

    target = replace_file(folder / "file", b"old")
    assert replace_file(target, b"new").read_bytes() == b"new"
    with held(folder / "file.lock") as mine, held(folder / "file.lock", wait=False) as other:
        assert (mine, other) == (True, False)

    bench = pb.load("trained-nasbench201")
    arch = bench.arch(0)
    accuracies = bench.frame(dataset=bench.datasets[0], metrics=["test_acc"], epochs=3)["test_acc"].to_numpy()
    assert 0 < bench.query(arch, dataset=bench.datasets[0], metric="test_acc", epochs=3) <= 100

    network = bench.space.build(arch, num_classes=10, in_shape=(3, 8, 8), channels=4, cells=1)
    images, labels = torch.randn(4, 3, 8, 8), torch.arange(4)
    assert np.isfinite(pb.score(network, images, labels, proxies=["synflow"], seed=0)["synflow"])
    setting = {"batch": 2, "resolution": 4, "network": {"channels": 2, "cells": 1}, "progress": False}
    scores = pb.compute("nasbench201", ["l2_norm"], sample=3, jobs=1, folder=folder / "sweep", **setting)
    assert len(scores.scores) == 3
    assert pb.rank_metrics(accuracies, accuracies)["kendall"] == 1.0

    found = pb.search("trained-nasbench201", ["random"], budget=3, seeds=1, progress=False)
    assert len(found.records) == 1
    journal = Journal(folder / "board" / "runs" / "mine.jsonl")
    for record in read_records([Path(sys.argv[2]) / "trained.jsonl"])[:50]:
        journal.append(record)
    assert any(path.name == "index.html" for path in write(folder / "board"))

    try:
        pb.evaluate(["synflow"], suite="quick", jobs=1, progress=False)
    except ProxybenchError as error:
        assert "worker processes need Linux or macOS" in str(error)  # noqa: PT017 - no pytest here
    else:
        raise AssertionError("an evaluation without worker processes")


if __name__ == "__main__":
    lack_what_windows_lacks()
    main(Path(sys.argv[1]))
