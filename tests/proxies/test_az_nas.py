"""AZ-NAS against hand-worked blocks and an independent definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from proxybench.networks import build
from proxybench.networks.initialise import initialise
from proxybench.proxies.az_nas import (
    az_complexity,
    az_expressivity,
    az_progressivity,
    az_trainability,
    spectral_entropy,
    to_resolution,
)
from proxybench.proxies.base import Proxy
from proxybench.proxies.probe import Probe
from proxybench.spaces.nasbench201 import NASBench201

BLOCKWISE = [az_expressivity, az_progressivity, az_trainability]
IMAGES = torch.zeros(4, 1, 6, 6)
CELL = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|avg_pool_3x3~0|none~1|nor_conv_3x3~2|"
DEAD = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
IDENTITY = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"


def score(network: nn.Module, *proxies: Proxy, images: Tensor = IMAGES, seed: int = 0) -> list[float]:
    values = Probe(network, images, seed=seed).run(proxies).values
    return [values[wanted.name] for wanted in proxies]


def cell_network(cell: str, **options: int) -> nn.Module:
    return build(NASBench201().parse(cell), 3, (1, 6, 6), channels=4, cells=1, **options)


def rows_to_map(rows: list[list[float]]) -> Tensor:
    """One observation a row, as a map of one image with as many positions."""
    return torch.tensor(rows, dtype=torch.float32).T.reshape(1, len(rows[0]), len(rows), 1)


class Scale(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


class Blocks(nn.Sequential):
    """A stem of one channel and the blocks given."""

    def __init__(self, *blocks: nn.Module) -> None:
        super().__init__(nn.Conv2d(1, 1, 1), *blocks)
        self.blocks = tuple(str(place) for place in range(len(blocks) + 1))


def test_entropy_of_independent_channels_of_equal_variance_is_log_c() -> None:
    rows = [[1.0, 1], [1, -1], [-1, 1], [-1, -1]]
    assert spectral_entropy(rows_to_map(rows)) == pytest.approx(math.log(2), abs=1e-7)


def test_entropy_weighs_the_variances() -> None:
    # variances 3 and 1, means 7 and -2: shares 3/4 and 1/4
    rows = [[7 + math.sqrt(3) * a, -2 + b] for a in (1, -1) for b in (1, -1)]
    expected = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert spectral_entropy(rows_to_map(rows)) == pytest.approx(expected, abs=1e-6)


def test_entropy_of_proportional_channels_and_of_a_constant_map_is_zero() -> None:
    assert spectral_entropy(rows_to_map([[1.0, 2], [3, 6], [-5, -10]])) == pytest.approx(0, abs=1e-6)
    assert spectral_entropy(torch.full((2, 3, 4, 4), 5.1)) == pytest.approx(0, abs=1e-6)
    assert spectral_entropy(torch.zeros(2, 3, 4, 4)) == 0


@pytest.mark.parametrize(("factor", "expected"), [(2.0, 2 - 2 - 1 / 2), (1 / 4, 2 - 1 / 4 - 4), (-1.0, 0.0)])
def test_a_block_that_scales_has_its_factor_as_singular_value(factor: float, expected: float) -> None:
    [value] = score(Blocks(Scale(factor)), az_trainability)
    assert value == pytest.approx(expected, abs=2e-5)


def test_a_block_that_averages_patches_has_singular_value_one_half() -> None:
    # each of four pixels gets a quarter of the sign: a column of four quarters, norm 1/2
    [value] = score(Blocks(nn.AvgPool2d(2)), az_trainability)
    assert value == pytest.approx(2 - 1 / 2 - 2, abs=1e-5)


def test_trainability_is_the_mean_over_blocks() -> None:
    [value] = score(Blocks(Scale(2.0), Scale(0.25)), az_trainability)
    assert value == pytest.approx((-0.5 - 2.25) / 2, abs=2e-5)


def test_a_block_without_gradient_or_with_nothing_to_train_costs_a_million() -> None:
    for block in (Scale(0.0), nn.Identity()):
        [value] = score(Blocks(block), az_trainability)
        assert value == pytest.approx(2 - 1e6, rel=1e-9)


def test_a_cell_that_is_an_identity_ranks_with_the_disconnected() -> None:
    [identity] = score(cell_network(IDENTITY), az_trainability)
    [connected] = score(cell_network(CELL), az_trainability)
    assert identity < -1e5 < connected


def test_patches_become_channels() -> None:
    feature = torch.arange(9.0).reshape(1, 1, 3, 3)
    patches = to_resolution(feature, 2, 2)
    np.testing.assert_array_equal(patches[0, :, 0, 0], [0, 1, 3, 4])
    np.testing.assert_array_equal(patches[0, :, 1, 1], [8, 0, 0, 0])
    np.testing.assert_array_equal(to_resolution(feature, 2, 3)[0, :, 0], [[0, 1, 2], [3, 4, 5]])
    even = torch.arange(32.0).reshape(1, 2, 4, 4)
    np.testing.assert_array_equal(to_resolution(even, 2, 2), nn.functional.pixel_unshuffle(even, 2))


def test_a_block_that_enlarges_its_map_leaves_trainability_alone_without_answer() -> None:
    expressivity, progressivity, trainability = score(Blocks(nn.Upsample(scale_factor=2)), *BLOCKWISE)
    assert np.isfinite([expressivity, progressivity]).all()
    assert math.isnan(trainability)


def independent(network: nn.Module, images: Tensor, seed: int) -> tuple[list[float], list[float]]:
    """Entropies and largest singular values by numpy, each block in float64 on its own."""
    probe = Probe(network, images, seed=seed)
    draws = probe.generator("az_nas")
    x = probe.noise("az_nas images").double()
    initialise(network, "kaiming", draws)
    network.train()
    entropies, gains = [], []
    for place, name in enumerate(network.blocks):  # type: ignore[arg-type]
        x = x.detach().requires_grad_()
        y = network.get_submodule(name)(x)
        rows = y.detach().numpy().transpose(0, 2, 3, 1).reshape(-1, y.shape[1])
        shares = np.linalg.svd(rows - rows.mean(0), compute_uv=False) ** 2
        shares = shares / shares.sum()
        entropies.append(-np.sum(shares * np.log(shares + 1e-8)))
        if place:
            signs = torch.randint(0, 2, y.shape, generator=draws).double() * 2 - 1
            (y * signs).sum().backward()
            back, stride = x.grad, x.shape[2] // y.shape[2]
            assert back is not None
            patches = (
                nn.functional.unfold(back, stride, stride=stride).permute(0, 2, 1).reshape(-1, x.shape[1] * stride**2)
            )
            out = signs.permute(0, 2, 3, 1).reshape(-1, y.shape[1])
            gains.append(np.linalg.svd((patches.T @ out / len(out)).numpy(), compute_uv=False).max())
        x = y
    return entropies, gains


def test_all_three_agree_with_an_independent_definition() -> None:
    images = torch.zeros(8, 1, 8, 8, dtype=torch.float64)
    entropies, gains = independent(cell_network(CELL).double(), images, seed=3)
    values = score(cell_network(CELL).double(), *BLOCKWISE, images=images, seed=3)
    assert len(entropies) == 6
    trainability = np.mean([2 - gain - 1 / (gain + 1e-6) for gain in gains])
    np.testing.assert_allclose(values, [sum(entropies), min(np.diff(entropies)), trainability], rtol=1e-9)


def test_a_disconnected_network_ranks_last() -> None:
    dead, living = score(cell_network(DEAD), *BLOCKWISE), score(cell_network(CELL), *BLOCKWISE)
    assert np.isfinite(dead).all()
    assert all(low < high for low, high in zip(dead, living, strict=True))


def test_a_network_that_cannot_be_differentiated_has_no_trainability() -> None:
    class Detached(Blocks):
        @torch.no_grad()
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x)

    expressivity, progressivity, trainability = score(Detached(Scale(2.0)), *BLOCKWISE)
    assert np.isfinite([expressivity, progressivity]).all()
    assert math.isnan(trainability)


def test_a_network_whose_maps_are_not_numbers_has_no_answer() -> None:
    assert np.isnan(score(Blocks(Scale(float("nan"))), *BLOCKWISE)).all()


def test_neither_images_nor_weights_matter_but_the_seed_does() -> None:
    torch.manual_seed(1)
    first = score(cell_network(CELL), *BLOCKWISE)
    torch.manual_seed(2)
    assert score(cell_network(CELL), *BLOCKWISE, images=torch.ones_like(IMAGES)) == first
    assert all(a != b for a, b in zip(first, score(cell_network(CELL), *BLOCKWISE, seed=1), strict=True))


def test_the_network_comes_back_unchanged() -> None:
    network = cell_network(CELL)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    score(network, *BLOCKWISE)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in network.parameters())


def test_networks_of_every_kind_get_an_answer() -> None:
    class Transformer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(1, 8, 3, 3)
            self.layers = nn.ModuleList(nn.TransformerEncoderLayer(8, 2, 8, batch_first=True) for _ in range(2))
            self.head = nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            tokens = self.patches(x).flatten(2).transpose(1, 2)
            for layer in self.layers:
                tokens = layer(tokens)
            return self.head(tokens.mean(1))

    plain = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(16, 3))
    perceptron = nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.ReLU(), nn.Linear(8, 3))
    for network in (Transformer(), plain, perceptron):
        assert np.isfinite(score(network, *BLOCKWISE, az_complexity)).all()


def test_one_image_is_enough_where_maps_have_positions() -> None:
    assert np.isfinite(score(cell_network(CELL), *BLOCKWISE, images=IMAGES[:1])).all()


class Constant(nn.Module):
    """Learned maps in place of what it gets, the same for each image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(torch.arange(36.0).view(1, 1, 6, 6).expand(len(x), -1, -1, -1))


class Beside(nn.Module):
    """Adds the images to what a block makes."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Constant(), nn.Conv2d(1, 1, 1)])

    def forward(self, x: Tensor) -> Tensor:
        made, second = self.blocks
        return second(x + made(x))


def test_a_map_that_is_not_made_of_the_images_has_an_entropy_but_nothing_is_sent_back_to_it() -> None:
    torch.manual_seed(0)
    found = Probe(Beside(), torch.randn(4, 1, 6, 6)).run(BLOCKWISE)
    assert np.isfinite([found.values["az_expressivity"], found.values["az_progressivity"]]).all()
    assert list(found.unanswered) == ["az_trainability"]
    assert found.unanswered["az_trainability"] == (
        "the trainability of the block 'blocks.1' needs a derivative by the feature map before it (blocks.0), "
        "which does not come from the images"
    )


def test_one_map_has_expressivity_alone_and_none_has_nothing() -> None:
    expressivity, *others = score(Blocks(), *BLOCKWISE)
    assert expressivity == pytest.approx(0, abs=1e-7)
    assert np.isnan(others).all()
    assert np.isnan(score(nn.Sequential(nn.Flatten()), *BLOCKWISE)).all()


def test_normalisation_over_a_single_value_has_no_answer() -> None:
    network = Blocks(nn.BatchNorm2d(1))
    assert np.isnan(score(network, *BLOCKWISE, images=torch.zeros(1, 1, 1, 1))).all()


def test_complexity_counts_multiply_adds() -> None:
    # 3x3 from 1 to 2 channels at 4 x 4 positions: 9 * 2 * 16 and 2 * 16 for the bias; then 32 * 3 and 3
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3))
    assert score(network, az_complexity) == [9 * 2 * 16 + 2 * 16 + 32 * 3 + 3]
