"""Recurrent networks and others that read an image or a signal as a sequence."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from zoo.entry import CLASSES, Entry, note


class Recurrent(nn.Module):
    """Rows of the image as a sequence of 8 tokens of 24 numbers."""

    def __init__(self, layer: nn.RNNBase, features: int) -> None:
        super().__init__()
        self.rnn, self.last = layer, nn.Linear(features, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.rnn(x.transpose(1, 2).flatten(2))[0][:, -1])


class Cells(nn.Module):
    """A cell that is called for each row."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.last = nn.LSTMCell(24, 5), nn.Linear(5, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        state = None
        for row in x.transpose(1, 2).flatten(2).unbind(1):
            state = self.cell(row, state)
        return self.last(state[0])


class CRNN(nn.Module):
    """Convolutions, then a recurrent layer along the columns."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.rnn = nn.Conv2d(3, 4, 3, 2, 1), nn.GRU(16, 5, bidirectional=True, batch_first=True)
        self.last = nn.Linear(10, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(note(self.conv(x))).permute(0, 3, 1, 2).flatten(2)
        return self.last(self.rnn(x)[0].mean(1))


class TCN(nn.Module):
    """Causal convolutions with growing dilation, reparametrised by length and direction."""

    def __init__(self, *, normed: bool = True) -> None:
        super().__init__()
        wrap = weight_norm if normed else lambda layer: layer
        self.convs = nn.ModuleList([wrap(nn.Conv1d(c_in, 6, 2, dilation=d)) for c_in, d in ((3, 1), (6, 2), (6, 4))])
        self.last = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(2)
        for conv in self.convs:
            x = functional.relu(note(conv(functional.pad(x, (conv.dilation[0], 0)))))
        return self.last(x[..., -16:].mean(-1))


def plain_tcn(network: nn.Module) -> nn.Module:
    plain = TCN(normed=False)
    with torch.no_grad():
        for ours, theirs in zip(plain.convs, network.convs, strict=True):
            ours.weight.copy_(theirs.weight)
            ours.bias.copy_(theirs.bias)
        plain.last.load_state_dict(network.last.state_dict())
    return plain


class Equilibrium(nn.Module):
    """One convolution applied again and again to its own output; the first time, to zeros, no image goes through it."""

    def __init__(self) -> None:
        super().__init__()
        self.inject, self.step, self.last = (
            nn.Conv2d(3, 4, 3, padding=1),
            nn.Conv2d(4, 4, 3, padding=1),
            nn.Linear(4, CLASSES),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.inject(x)
        state = torch.zeros_like(x)
        for _ in range(3):
            state = functional.relu(note(x + self.step(state)))
        return self.last(state.mean((2, 3)))


NOT_MODULES = {"fisher": "a recurrent layer has no single output"}
ENTRIES: dict[str, Entry] = {
    # 8 tokens: four gates of 5 units from 24 inputs and 5 states, two biases of 20.
    "LSTM": Entry(
        lambda: Recurrent(nn.LSTM(24, 5, batch_first=True), 5),
        ("rnn.weight*", "last"),
        3,
        9,
        0,
        8 * (480 + 100 + 40),
        skipped=NOT_MODULES,
    ),
    "LSTM of two layers": Entry(
        lambda: Recurrent(nn.LSTM(24, 5, 2, batch_first=True), 5),
        ("rnn.weight*", "last"),
        5,
        None,  # 10 through the values; one product of the second layer holds all steps of the first
        0,
        8 * (480 + 100 + 40) + 8 * (100 + 100 + 40),
        skipped=NOT_MODULES,
    ),
    "GRU": Entry(
        lambda: Recurrent(nn.GRU(24, 5, batch_first=True), 5),
        ("rnn.weight*", "last"),
        3,
        9,
        0,
        8 * (360 + 75 + 30),
        skipped=NOT_MODULES,
    ),
    "LSTM in both directions": Entry(
        lambda: Recurrent(nn.LSTM(24, 5, batch_first=True, bidirectional=True), 10),
        ("rnn.weight*", "last"),
        5,
        9,
        0,
        2 * 8 * 620,
        skipped=NOT_MODULES,
    ),
    "LSTM with projection": Entry(
        lambda: Recurrent(nn.LSTM(24, 5, batch_first=True, proj_size=3), 3),
        ("rnn.weight*", "last"),
        4,
        17,
        0,
        8 * (480 + 60 + 15 + 40),
        skipped=NOT_MODULES,
    ),
    "RNN": Entry(
        lambda: Recurrent(nn.RNN(24, 5, batch_first=True), 5),
        ("rnn.weight*", "last"),
        3,
        9,
        0,
        8 * (120 + 25 + 10),
        skipped=NOT_MODULES,
    ),
    "LSTM cell": Entry(Cells, ("cell.weight*", "last"), 3, 9, 0, 8 * 620, skipped=NOT_MODULES),
    # 4 columns of 4 channels in 4 rows; both directions
    "CRNN": Entry(CRNN, ("conv", "rnn.weight*", "last"), 6, 6, 1, 2 * 4 * (240 + 75 + 30), skipped=NOT_MODULES),
    "TCN": Entry(TCN, ("convs.*", "last"), 4, 4, 3, plain=plain_tcn),
    "one layer again and again": Entry(Equilibrium, ("inject", "step", "last"), 3, 4, 2),
}
