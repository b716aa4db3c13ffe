"""AdamW for weights and moments that are kept only in bfloat16: every number is rounded at random.

bfloat16 has eight bits: next to a weight of 0.02 the closest one is 0.0001 away, and a step of 2e-5
rounded to the nearest is no step at all; the second moment, which loses a thousandth each time,
would never fall. Rounded up or down by chance, in proportion to how near each is, a number is
right on average (arXiv 2010.06192). The chances follow from seed and step, so that a training
resumed after a kill rounds as it would have.
"""

from collections.abc import Callable
from typing import Any

import torch

from collectivesft.sft.distributed.world import local

# Numbers that are worked on in float32 at once: six such tensors are there for a moment.
PIECE = 1 << 24


class RoundedAdamW(torch.optim.Optimizer):
    """``torch.optim.AdamW`` in float32, its results rounded to the type of the weights.

    Args:
        parameters: bfloat16, sharded or not; or torch's groups of them.
        seed: of a step (from 1); where each process holds the whole model it must be the same in
            all of them.
        settings: as torch's: lr, betas, eps, weight_decay (or by group).
    """

    def __init__(self, parameters: list[Any], seed: Callable[[int], int], **settings: Any):
        super().__init__(parameters, settings)
        self._seed = seed

    @torch.no_grad()
    def step(self) -> None:
        """Take one step; weights without a gradient stay as they are."""
        chance: torch.Generator | None = None
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight] or self._begin(weight)
                state["step"] += 1
                if chance is None:
                    seed = self._seed(int(state["step"]))
                    chance = torch.Generator(local(weight).device).manual_seed(seed)
                _step(weight, state, group, chance)

    def _begin(self, weight: Any) -> dict[str, Any]:
        moments = {name: torch.zeros_like(weight) for name in ("exp_avg", "exp_avg_sq")}
        self.state[weight] = {"step": torch.tensor(0.0)} | moments
        return self.state[weight]


def _step(weight: Any, state: dict[str, Any], group: dict[str, Any], chance: Any) -> None:
    """One tensor's step, piece by piece."""
    kept = (weight, state["exp_avg"], state["exp_avg_sq"])
    flat = [local(each).view(-1).split(PIECE) for each in kept]
    grads = local(weight.grad).reshape(-1).split(PIECE)
    for grad, *stored in zip(grads, *flat, strict=True):
        numbers = [each.float() for each in stored]
        _adamw(grad.float(), *numbers, float(state["step"]), group)
        for place, number in zip(stored, numbers, strict=True):
            place.copy_(rounded(number, chance) if place.dtype == torch.bfloat16 else number)


def _adamw(
    grad: Any, weight: Any, first: Any, second: Any, step: float, group: dict[str, Any]
) -> None:
    """AdamW (arXiv 1711.05101) in place, on float32."""
    rate, (beta1, beta2) = group["lr"], group["betas"]
    weight.mul_(1 - rate * group["weight_decay"])
    first.lerp_(grad, 1 - beta1)
    second.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
    size = (second / (1 - beta2**step)).sqrt_().add_(group["eps"])
    weight.addcdiv_(first, size, value=-rate / (1 - beta1**step))


def rounded(numbers: torch.Tensor, chance: torch.Generator) -> torch.Tensor:
    """float32 as bfloat16, up or down by chance, so that the mean is kept.

    A bfloat16 is the upper half of a float32: a random lower half is added, then cut off.
    """
    bits = numbers.contiguous().view(torch.int32)
    noise = torch.randint(
        0, 1 << 16, bits.shape, generator=chance, device=bits.device, dtype=torch.int32
    )
    return (bits + noise).bitwise_and_(-1 << 16).view(torch.float32).to(torch.bfloat16)
