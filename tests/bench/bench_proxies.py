"""Measures proxies in units of one forward and backward pass of the same network over the same batch.

    python tests/bench/bench_proxies.py [--threads 2] [--write FILE.csv] [group ...]

NAS-Bench-201 cells at their published size (16 channels, 5 cells a stage), 64 images of 3 x 32 x 32, two threads and
all groups by default. The unit is a plain training step's forward and backward pass, measured right before and after
each group of proxies; a group is what one probe takes from its construction to the scores. Medians over cells and
rounds (all proxies together: one round). Fails where the shared passes cost more than they should. The file written
has the units of each pass of all proxies together.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

from proxybench.networks import build
from proxybench.proxies import PROXIES
from proxybench.proxies.probe import Probe
from proxybench.spaces import get_space

CELLS = (
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
    "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|none~0|none~1|skip_connect~2|",
    "|nor_conv_1x1~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
    "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|nor_conv_1x1~0|none~1|avg_pool_3x3~2|",
)
BASIC = ["grad_norm", "snip", "fisher", "plain", "l2_norm", "jacov", "synflow"]
RECENT = ["dextr", "dss", "intrain", "near", "rbflex", "trainable_layers", "vkdnw", "vkdnw_entropy", "wrcor"]
GROUPS = {
    "seven": BASIC,
    "seven and grasp": [*BASIC, "grasp"],
    "all but the recent": sorted(set(PROXIES) - set(RECENT)),
    "all": sorted(PROXIES),
}
ONCE = {"all but the recent", "all"}
NEEDED = {"seven": 2.6, "seven and grasp": 5.0, "all": 8.0}
ROUNDS = 2


def seconds_of_unit(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """One forward and backward pass."""
    network.zero_grad()
    start = time.perf_counter()
    nn.functional.cross_entropy(network(images), labels).backward()
    return time.perf_counter() - start


def measure(
    cell: str, images: Tensor, labels: Tensor, chosen: list[str]
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Units of each chosen group, and of each pass of all proxies together, in each round."""
    groups, passes = defaultdict(list), defaultdict(list)
    network = build(get_space("nasbench201").parse(cell)).train()
    for number in range(ROUNDS + 1):
        for group in chosen:
            if group in ONCE and 0 < number < ROUNDS:
                continue
            proxies = [PROXIES[name] for name in GROUPS[group]]
            before = seconds_of_unit(network, images, labels)
            start = time.perf_counter()
            scores = Probe(network, images, labels).run(proxies)
            spent = time.perf_counter() - start
            unit = (before + seconds_of_unit(network, images, labels)) / 2
            if number == 0:  # warms up
                continue
            groups[group].append(spent / unit)
            groups["seconds of the unit"].append(unit)
            if group == "all":
                for name, seconds in scores.seconds.items():
                    passes[name].append(seconds / unit)
    return groups, passes


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", metavar="group", help=f"of {', '.join(GROUPS)}; all by default")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", type=Path, help="CSV file of the passes")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.randn((64, 3, 32, 32), generator=generator), torch.arange(64) % 10
    chosen = given.groups or list(GROUPS)
    results = {cell: measure(cell, images, labels, chosen) for cell in CELLS}
    for cell, (groups, _) in results.items():
        figures = ", ".join(f"{group} {median(groups[group]):.2f}" for group in chosen)
        print(f"{cell}\n    unit {median(groups['seconds of the unit']):.3f} s; {figures}")
    print(
        f"\nmedians over {len(CELLS)} cells, {torch.get_num_threads()} threads, in units of a forward and backward pass"
    )
    found = {group: median(median(groups[group]) for groups, _ in results.values()) for group in chosen}
    for group, units in found.items():
        goal = f"  (needed: {NEEDED[group]})" if group in NEEDED else ""
        print(f"{units:8.2f}  {group}{goal}")
    print("\nwhat all proxies together consist of")
    names = {name for _, passes in results.values() for name in passes}
    shares = {name: median(median(passes.get(name, [0.0])) for _, passes in results.values()) for name in names}
    for name, units in sorted(shares.items(), key=lambda item: -item[1]):
        if units >= 0.01:
            print(f"{units:8.2f}  {name}")
    if given.write is not None:
        with given.write.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["pass", "units"])
            writer.writerow(["all", f"{found['all']:.2f}"])
            writer.writerows(
                [name, f"{units:.3f}"] for name, units in sorted(shares.items(), key=lambda item: -item[1])
            )
    needed = {group: NEEDED[group] for group in chosen if group in NEEDED}
    missed = [f"{group} {found[group]:.2f} > {most}" for group, most in needed.items() if found[group] > most]
    if missed:
        raise SystemExit(f"too slow: {', '.join(missed)}")


if __name__ == "__main__":
    main()
