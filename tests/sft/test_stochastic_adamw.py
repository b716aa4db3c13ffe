"""Training with weights and moments in bfloat16 alone: right on average, half the memory."""

import pytest

from collectivesft.common.errors import InputError
from collectivesft.config.experiment import read_experiment
from collectivesft.sft.distributed.world import World
from collectivesft.sft.train import load
from tests.helpers.lazy_import import LazyImport

torch = LazyImport("torch")
kernel = LazyImport("collectivesft.sft.kernels.stochastic_adamw")

HALF = {"precision": "bfloat16", "master_weights": "bfloat16"}
SETTINGS = {"lr": 2e-5, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}


def chance(seed: int = 0) -> "torch.Generator":
    return torch.Generator().manual_seed(seed)


def trained(optimizer: type, values: "torch.Tensor", gradients: list[float], **settings):
    weight = torch.nn.Parameter(values.clone())
    seeds = (lambda step: step,) if optimizer is kernel.RoundedAdamW else ()
    made = optimizer([weight], *seeds, **SETTINGS | settings)
    for gradient in gradients:
        weight.grad = torch.full_like(weight, gradient)
        made.step()
    return weight.detach(), made.state[weight]


@pytest.mark.parametrize("value", [0.0203, -0.0203, 1.001, -3e-39])
def test_a_number_goes_to_its_neighbours_and_keeps_its_mean(value):
    found = kernel.rounded(torch.full((200_000,), value), chance())
    assert found.dtype == torch.bfloat16
    below, above = sorted(set(found.float().tolist()))
    assert below < value < above
    share = (value - below) / (above - below)
    assert (found.float() == above).double().mean().item() == pytest.approx(share, abs=0.005)


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, -2.5, float("inf"), float("-inf")])
def test_what_bfloat16_holds_stays(value):
    found = kernel.rounded(torch.full((1000,), value), chance())
    assert torch.equal(found, torch.full((1000,), value, dtype=torch.bfloat16))


def test_what_is_no_number_stays_none():
    assert kernel.rounded(torch.full((1000,), float("nan")), chance()).isnan().all()


def test_the_published_rate_moves_weights_that_plain_bfloat16_leaves():
    """50 steps of 2e-5 from 0.02: a twentieth of the weight."""
    start, gradients = torch.full((50_000,), 0.02, dtype=torch.bfloat16), [1.0] * 50
    exact, _ = trained(torch.optim.AdamW, start.float(), gradients)
    plain, _ = trained(torch.optim.AdamW, start, gradients)
    ours, _ = trained(kernel.RoundedAdamW, start, gradients)
    moved = (exact - start.float()).mean().item()
    assert moved == pytest.approx(-50 * 2e-5, rel=0.01)
    assert torch.equal(plain, start)
    assert (ours.float() - start.float()).mean().item() == pytest.approx(moved, rel=0.02)


def test_the_second_moment_falls_as_it_should():
    start, gradients = torch.zeros(20_000, dtype=torch.bfloat16), [1.0] + [0.0] * 200
    _, exact = trained(torch.optim.AdamW, start.float(), gradients)
    _, plain = trained(torch.optim.AdamW, start, gradients)
    _, ours = trained(kernel.RoundedAdamW, start, gradients)
    wanted = exact["exp_avg_sq"].mean().item()
    assert ours["exp_avg_sq"].float().mean().item() == pytest.approx(wanted, rel=0.01)
    assert plain["exp_avg_sq"].float().mean().item() > 1.1 * wanted
    assert ours["exp_avg"].dtype == ours["exp_avg_sq"].dtype == torch.bfloat16


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_in_float32_it_is_torch_s_adamw(decay):
    torch.manual_seed(0)
    start, gradients = torch.randn(3, 7), [0.3, -0.2, 0.05]
    settings = {"weight_decay": decay, "lr": 1e-2}
    wanted, _ = trained(torch.optim.AdamW, start, gradients, **settings)
    found, _ = trained(kernel.RoundedAdamW, start, gradients, **settings)
    torch.testing.assert_close(found, wanted)


def test_pieces_make_no_difference_but_in_the_chances(monkeypatch):
    from collectivesft.sft.kernels import stochastic_adamw

    monkeypatch.setattr(stochastic_adamw, "PIECE", 2)
    start, gradients = torch.randn(5, 3), [0.3, -0.2]
    wanted, _ = trained(torch.optim.AdamW, start, gradients)
    assert torch.allclose(trained(kernel.RoundedAdamW, start, gradients)[0], wanted)


def test_weights_and_moments_are_bfloat16_and_losses_close_to_those_of_float32(job):
    common = {"precision": "bfloat16", "epochs": 10, "learning_rate": 3e-3}
    both = job("wide", **common).run(), job("half", **common | HALF).run()
    training = read_experiment(both[1].recipe).training
    model = load(both[1].base, training, World(0, 1, "cpu"))
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    files = [(made.folder / "checkpoints").rglob("*.safetensors") for made in both]
    wide, half = (sum(path.stat().st_size for path in each) for each in files)
    assert half < 0.55 * wide
    wide, half = ([row["loss"] for row in made.history if "loss" in row] for made in both)
    assert wide != half
    assert half == pytest.approx(wide, rel=0.1)
    assert half[-1] < 0.6 * half[0]  # and it learns


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (HALF | {"method": "lora"}, "is for method full; adapters are small"),
        (HALF | {"precision": "float32"}, "needs precision bfloat16"),
        (HALF | {"master_weights": "float16"}, "'float16'; allowed: float32 or bfloat16"),
    ],
)
def test_what_cannot_be_is_refused(workshop, changes, problem):
    with pytest.raises(InputError, match=problem):
        read_experiment(workshop.recipe(**changes))
