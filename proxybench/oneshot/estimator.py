"""Estimates of architectures from a finished training, kept in its folder."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from predictors.arch import ArchGraph
from proxybench.files import replace_file
from proxybench.oneshot.estimates import CALIBRATION, Estimates
from proxybench.oneshot.supernet import Supernet
from proxybench.oneshot.trainer import SAVE_S, Trainer
from proxybench.readers.json_text import parse_json
from proxybench.spaces.base import SearchSpace
from proxybench.sweeps.sweep import one_thread
from proxybench.training.train import Part, clock

NAME, NAME_SHARED = "estimates.json", "estimates-shared-statistics.json"

OnEstimate = Callable[[int, int], None]  # takes the number of estimates and their total
Known = dict[str, tuple[float, float, float]]  # text to accuracy, loss and seconds


class Estimator:
    """Estimates with the supernets of a training.

    Args:
        space: space of the architectures.
        trainer: a finished training.
        train: the training images, from which the statistics of batch normalisation come.
        validation: the images to classify.
        setting: what the weights depend on; estimates kept for another setting are ignored.
        folder: where estimates are kept; None for nowhere.
    """

    def __init__(
        self,
        space: SearchSpace,
        trainer: Trainer,
        train: Part,
        validation: Part,
        setting: Mapping[str, Any],
        folder: Path | None,
    ) -> None:
        self._space, self._trainer, self._setting, self._folder = space, trainer, dict(setting), folder
        self._calibration, self._validation = train.images[:CALIBRATION], validation
        self._current: tuple[int, Supernet] = (0, trainer.trained(0))

    def estimates(self, archs: Sequence[ArchGraph | str], on_estimate: OnEstimate, own: bool) -> Estimates:
        """Accuracies and losses of architectures; those kept in the folder are not computed again.

        Args:
            archs: architectures of the space, or their texts.
            on_estimate: called after every estimate with the number of estimates and their total.
            own: whether the statistics of batch normalisation are those of the path, or those of the supernet.

        Raises:
            InvalidArchitecture: for a text or graph that is not an architecture of the space.
        """
        graphs = [self._space.parse(arch) for arch in archs]
        texts = [self._space.format(graph) for graph in graphs]
        paths = {text: self._current[1].path(graph) for text, graph in zip(texts, graphs, strict=True)}
        method = self._trainer.method
        stages = {text: method.stage(self._trainer.stages, path) for text, path in paths.items()}
        name, calibration = (NAME, self._calibration) if own else (NAME_SHARED, None)
        known, saved = self._read(name), time.monotonic()
        self._current = (0, self._trainer.trained(0))  # with the statistics of the training
        with one_thread():
            for done, text in enumerate(sorted(stages, key=stages.__getitem__), start=1):  # each supernet once
                if text not in known:
                    start = clock(self._calibration)
                    path, supernet = method.route(paths[text]), self._supernet(stages[text])
                    found = method.estimate(supernet, path, calibration, self._validation)
                    known[text] = (*found, clock(self._calibration) - start)
                on_estimate(done, len(stages))
                if time.monotonic() - saved > SAVE_S:
                    self._write(name, known)
                    saved = time.monotonic()
        self._write(name, known)
        columns = np.array([known[text][:2] for text in texts]).reshape(-1, 2)
        return Estimates(columns[:, 0], columns[:, 1], sum(known[text][2] for text in stages))

    def _supernet(self, number: int) -> Supernet:
        if self._current[0] != number:
            self._current = (number, self._trainer.trained(number))
        return self._current[1]

    def _read(self, name: str) -> Known:
        path = None if self._folder is None else self._folder / name
        if path is None or not path.is_file():
            return {}
        content = parse_json(path.read_bytes())
        if content["setting"] != json.loads(json.dumps(self._setting)):
            return {}
        rows = {text: [math.nan if x is None else x for x in row] for text, row in content["estimates"].items()}
        return {text: (accuracy, loss, seconds) for text, (accuracy, loss, seconds) in rows.items()}

    def _write(self, name: str, known: Known) -> None:
        if self._folder is not None:
            finite = {text: [x if math.isfinite(x) else None for x in row] for text, row in known.items()}
            content = {"setting": self._setting, "estimates": finite}
            replace_file(self._folder / name, json.dumps(content, allow_nan=False).encode())
