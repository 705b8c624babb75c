"""The network of ParZC and its training: layers side by side, posterior, mixing, masks, divergence."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

from predictors.descent import Recipe, shuffled_for_members, warm_cosine  # noqa: E402
from predictors.errors import UnknownName  # noqa: E402
from predictors.losses import AnnealedKendall, mse  # noqa: E402
from predictors.parzc.bayesian import BayesianLinear, Linear, LinearAcross, divergence, sampled  # noqa: E402
from predictors.parzc.mixer import MixerBlock  # noqa: E402
from predictors.parzc.model import train_members  # noqa: E402
from predictors.parzc.network import MABN, Inputs, Shape  # noqa: E402

SHAPE = Shape(
    members=2, places=7, proxies=3, segment=3, rows=(4,), width=6, blocks=2, mixing="tokens", bayesian=True, dropout=0.0
)


@pytest.fixture(autouse=True)
def generator():
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        yield


def changed(shape=SHAPE, **values):
    return Shape(**{**vars(shape), **values})


def inputs(n=5, shape=SHAPE):
    nodes = torch.randn(1, n, shape.places, shape.proxies)
    rows = tuple(torch.randn(1, n, width) for width in shape.rows)
    return Inputs(nodes, torch.ones(1, n, shape.places, dtype=torch.bool), rows)


def test_each_member_is_a_linear_layer_of_its_own():
    layer, x = Linear(3, 4, 2), torch.randn(3, 5, 6, 4)
    for member in range(3):
        alone = torch.nn.functional.linear(x[member], layer.weight[member].T, layer.bias[member, 0])
        assert torch.allclose(layer(x)[member], alone, atol=1e-6)


def test_weights_are_drawn_in_training_and_their_mean_used_after():
    layer, x = BayesianLinear(1, 4, 2, deviation=0.5), torch.randn(1, 3, 4)
    assert not torch.equal(layer(x), layer(x))
    layer.eval()
    mean = torch.nn.functional.linear(x[0], layer.weight[0].T, layer.bias[0, 0])
    assert torch.allclose(layer(x)[0], mean)
    with sampled(layer):
        draws = torch.stack([layer(x) for _ in range(4000)])
    assert not layer.drawn
    assert torch.allclose(draws.mean(dim=0)[0], mean, atol=0.1)
    # each output is a sum of inputs, and of the bias, each times an error of deviation 0.5
    expected = 0.5 * (x[0].square().sum(dim=1, keepdim=True) + 1).sqrt().expand(-1, 2)
    assert torch.allclose(draws.std(dim=0)[0], expected, rtol=0.06)


def test_divergence_of_normal_distributions():
    layer = BayesianLinear(2, 4, 3, deviation=0.3, prior=2.0)
    prior = torch.distributions.Normal(0.0, 2.0 / math.sqrt(4))
    terms = [
        torch.distributions.kl_divergence(torch.distributions.Normal(mean, torch.full_like(mean, 0.3)), prior)
        for mean in (layer.weight, layer.bias)
    ]
    expected = sum(term.flatten(1).sum(dim=1) for term in terms)
    assert torch.allclose(layer.divergence(), expected, rtol=1e-5)
    other = BayesianLinear(2, 3, 1)
    both = torch.nn.Sequential(layer, Linear(2, 3, 3), other)
    assert torch.allclose(divergence(both), expected + other.divergence(), rtol=1e-5)
    assert divergence(Linear(1, 2, 2)) is None


def test_a_block_mixes_tokens_only_on_request():
    x = torch.randn(1, 4, 1, 6)
    other = x.clone()
    other[:, 0] += torch.randn(6)
    mask = torch.ones(1, 4, 1, 1)
    for across in (True, False):
        block = MixerBlock(1, 4, 6, across)
        assert torch.allclose(block(x, mask)[:, 1:], block(other, mask)[:, 1:]) is not across
        assert not torch.allclose(block(x, mask)[:, 0], block(other, mask)[:, 0])


def test_a_masked_token_neither_gives_nor_takes():
    block, x = MixerBlock(1, 3, 6), torch.randn(1, 3, 2, 6)
    mask = torch.tensor([1.0, 1.0, 0.0]).reshape(1, 3, 1, 1).expand(1, 3, 2, 1)
    other = x.clone()
    other[:, 2] = 9.0
    assert torch.allclose(block(x, mask)[:, :2], block(other, mask)[:, :2])
    assert torch.equal(block(x, mask)[:, 2], x[:, 2])


def test_a_layer_across_is_a_layer_of_the_transposed():
    across, x = LinearAcross(2, 4, 3), torch.randn(2, 4, 5, 6)
    plain = Linear(2, 4, 3)
    plain.load_state_dict(across.state_dict())
    assert torch.allclose(across(x), plain(x.movedim(1, -1)).movedim(-1, 1), atol=1e-6)


@pytest.mark.parametrize("mixing", ["channels", "mlp", "tokens"])
@pytest.mark.parametrize("segment", [1, 3, 50])
def test_members_differ_and_rows_do_not_depend_on_each_other(mixing, segment):
    network, given = MABN(changed(mixing=mixing, segment=segment)).eval(), inputs()
    scores = network(given)
    assert scores.shape == (2, 5)
    assert not torch.allclose(scores[0], scores[1])
    alone = network(given.taken(torch.tensor([[3], [3]])))
    assert torch.allclose(alone[:, 0], scores[:, 3], atol=1e-6)


def test_segments_that_are_not_there_are_not_read():
    network, given = MABN(SHAPE).eval(), inputs()
    mask = given.mask.clone()
    mask[:, 1, 3:] = False  # the second and third segment, the last of which has one place
    nothing = Inputs(given.nodes * 0, torch.zeros_like(mask), given.rows)
    short, other = (Inputs(nodes, mask, given.rows) for nodes in (given.nodes, given.nodes.clone()))
    other.nodes[:, 1, 3:] += 1.0
    assert torch.allclose(network(short)[:, 1], network(other)[:, 1])
    assert not torch.allclose(network(short)[:, 1], network(given)[:, 1])
    assert torch.isfinite(network(nothing)).all()


def test_a_wrong_mixing_is_named():
    with pytest.raises(UnknownName, match="Did you mean 'tokens'"):
        changed(mixing="token")


def test_without_segments_only_the_rows_are_read():
    network, given = MABN(changed(segment=0)).eval(), inputs()
    other = Inputs(given.nodes + 1, given.mask, given.rows)
    assert torch.equal(network(given), network(other))
    assert not torch.equal(network(given), network(Inputs(given.nodes, given.mask, (given.rows[0] + 1,))))
    with pytest.raises(ValueError, match="nothing to read"):
        changed(segment=0, rows=())


def test_it_learns_what_is_in_the_nodes_and_in_the_rows():
    given = inputs(80)
    targets = given.nodes[0, :, 2, 0] + given.rows[0][0, :, 1]
    network = MABN(SHAPE)
    train_members(network, given.taken, targets, Recipe(mse, 1, 150, 80, 0.02, 0.0), seed=0)
    assert not network.training
    assert (network(given) - targets).square().mean() < 0.1 * targets.var()


def test_the_divergence_pulls_towards_the_prior():
    given, targets = inputs(20), torch.zeros(20)
    found = {}
    for weight in (0.0, 1.0):
        torch.default_generator.manual_seed(0)
        network = MABN(SHAPE)
        begin = divergence(network).sum().item()
        train_members(network, given.taken, targets, Recipe(mse, 1, 60, 20, 0.03, 0.0), 0, weight)
        found[weight] = divergence(network).sum().item()
    assert found[1.0] < 0.75 * begin
    assert found[0.0] > 0.8 * begin


def test_members_see_batches_of_their_own_and_every_row_once_a_pass():
    batches = shuffled_for_members(2, 12, 3, seed=0)
    one_pass = torch.cat([next(batches) for _ in range(3)], dim=1)
    assert one_pass.sort(dim=1).values.tolist() == [list(range(12))] * 2
    assert not torch.equal(one_pass[0], one_pass[1])
    assert [warm_cosine(step, 100) for step in (0, 9, 10)] == pytest.approx([0.1, 1.0, 1.0])
    assert warm_cosine(99, 100) < 1e-3


def test_the_temperature_follows_the_progress_of_training():
    reported = []

    class Noted(AnnealedKendall):
        def __call__(self, predicted, targets, progress=0.0):
            reported.append(progress)
            return super().__call__(predicted, targets, progress)

    train_members(MABN(SHAPE), inputs(20).taken, torch.randn(20), Recipe(Noted(), 2, 1, 10, 0.01, 0.0), seed=0)
    assert reported == [0.0, 0.0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75]  # two members, two batches, two passes
