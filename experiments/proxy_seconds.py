"""Measures what each proxy costs alone, with all passes that it needs: docs/results/proxy-seconds.csv.

    python experiments/proxy_seconds.py --images cifar10:cifar-10-python.tar.gz

The setting is that of the shipped scores of NAS-Bench-201: 16 channels, 5 cells a stage, 16 images of 8 x 8 pixels, one
thread. A figure is the median of processor seconds over CELLS random cells.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from pathlib import Path

import proxybench as pb
from proxybench.errors import ProxybenchError
from proxybench.images.batch import ImageBatch, load_batch
from proxybench.networks.base import Network
from proxybench.proxies import PROXIES
from proxybench.spaces import get_space
from proxybench.sweeps.sweep import one_thread

CELLS, IMAGES, SIZE = 10, 16, 8
OUTPUT = Path(__file__).parents[1] / "docs" / "results" / "proxy-seconds.csv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True)
    batch, space = load_batch(parser.parse_args().images, IMAGES, resolution=SIZE), get_space("nasbench201")
    networks = [space.build(arch, num_classes=10, in_shape=(3, SIZE, SIZE)) for arch in space.sample(CELLS, 0)]
    rows = []
    with one_thread():
        for name in sorted(PROXIES):
            try:
                pb.score(networks[0], batch.images, batch.labels, proxies=[name], seed=0)  # loads and compiles
                seconds = [_seconds(network, batch, name) for network in networks]
            except ProxybenchError as error:
                print(name, error)
                continue
            rows.append((name, f"{statistics.median(seconds):.3g}"))
            print(*rows[-1], flush=True)
    with OUTPUT.open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([("proxy", "seconds"), *rows])


def _seconds(network: Network, batch: ImageBatch, name: str) -> float:
    start = time.process_time()
    pb.score(network, batch.images, batch.labels, proxies=[name], seed=0)
    return time.process_time() - start


if __name__ == "__main__":
    main()
