"""Share one training among several processes: the part of each, and how they agree.

``torchrun`` starts the processes and says in the environment who is who. A step's forward passes
are dealt to them; gradients are summed. By ``ddp`` each process holds the whole model (torch's
``DistributedDataParallel`` sums while the last pass of a step goes back), by ``fsdp``
(torch's ``fully_shard``) a part of every weight and of its optimiser state. A single process needs
none of this and communicates nothing.
"""

import gc
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from collectivesft.models.registry import blocks

if TYPE_CHECKING:
    import torch

Strategy = Literal["ddp", "fsdp"]
# Others wait while the first process reads a model, or writes one.
PATIENCE = timedelta(minutes=30)


@dataclass(frozen=True)
class World:
    """The processes of one training, seen from one of them.

    Attributes:
        rank, size: this process and how many there are; the first has rank 0.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        strategy: how the model is spread where there are several.
    """

    rank: int
    size: int
    device: str
    strategy: Strategy = "ddp"

    @property
    def first(self) -> bool:
        """Return whether this process reports, and writes the files that are written once."""
        return self.rank == 0

    @property
    def sharded(self) -> bool:
        """Return whether weights are spread over the processes."""
        return self.size > 1 and self.strategy == "fsdp"

    @property
    def loading(self) -> str:
        """Return the device that this process loads a model to.

        One that is to be sharded may be too large for one GPU, and too large to lie in main memory
        once a process: the first one has it there, all later ones its shapes (``meta``).
        """
        if not self.sharded:
            return self.device
        return "cpu" if self.first else "meta"

    def sum(self, *values: float) -> list[float]:
        """The sums of the processes' values, the same in each."""
        if self.size == 1:
            return list(values)
        import torch
        import torch.distributed as dist

        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(tensor)
        return tensor.tolist()

    def wait(self) -> None:
        """Return once every process is here."""
        if self.size > 1:
            import torch.distributed as dist

            dist.barrier()

    def same(self, value: str) -> str:
        """Return the first process's value in every process."""
        if self.size == 1:
            return value
        import torch.distributed as dist

        values = [value]
        dist.broadcast_object_list(values, 0)
        return values[0]

    def replicate(self, model: Any) -> Any:
        """Return what a training calls in place of a model that each process holds whole.

        Torch's DistributedDataParallel sums gradients while the backward pass goes on. It averages
        them, as sharding does: the loss must be multiplied by ``size``.
        """
        if self.size == 1 or self.sharded:
            return model
        import warnings

        from torch.nn.parallel import DistributedDataParallel

        warnings.filterwarnings("ignore", "find_unused_parameters=True was specified", UserWarning)
        # Buckets are then not arranged anew after the first step: a resumed training sums in the
        # order of one that was never stopped. All processes read the same weights: none is sent.
        return DistributedDataParallel(
            model,
            broadcast_buffers=False,
            find_unused_parameters=True,
            gradient_as_bucket_view=True,
            init_sync=False,
        )

    def shard(self, model: Any, half: bool) -> None:
        """Spread the weights of a model, layer by layer; ``half``: compute in bfloat16.

        The first process hands a layer out, each keeps its part, then comes the next layer: no GPU
        ever holds more than one in full, or the words' tables, in addition to its parts.
        Gradients come out averaged over the processes: the loss must be multiplied by ``size``.
        """
        import torch
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

        mesh = init_device_mesh(self.device.partition(":")[0], (self.size,))
        lower = torch.bfloat16 if half else None
        policy = MixedPrecisionPolicy(param_dtype=lower, reduce_dtype=torch.float32)
        for module in (*blocks(model), model):
            self._hand_out(module)
            fully_shard(module, mesh=mesh, mp_policy=policy)

    def reshard(self, model: Any) -> None:
        """Have a sharded model give its parts back after forward passes without a backward pass.

        torch keeps the outermost weights whole until the backward pass; until then the model's
        parameters are not those that the optimiser holds.
        """
        if not self.sharded:
            return
        from torch.distributed.fsdp import FSDPModule

        for module in model.modules():
            if isinstance(module, FSDPModule):
                module.reshard()

    def _hand_out(self, module: Any) -> None:
        """Give a module the first process's weights and buffers, on the device of each process."""
        import torch

        given: dict[int, tuple] = {}  # by the old one's id, which is kept so that none has it again
        for part in module.modules():
            for tensors in (part._parameters, part._buffers):
                for name, old in tensors.items():
                    if old is None or hasattr(old, "to_local"):  # not there, or already sharded
                        continue
                    if id(old) not in given:  # a tensor under two names stays one
                        new = self._copy(old.detach())
                        if isinstance(old, torch.nn.Parameter):
                            new = torch.nn.Parameter(new, old.requires_grad)
                        given[id(old)] = old, new
                    tensors[name] = given[id(old)][1]

    def _copy(self, tensor: "torch.Tensor") -> "torch.Tensor":
        """The first process's tensor of this name."""
        import torch
        import torch.distributed as dist

        if self.first:
            found = tensor.to(self.device).contiguous()
        else:
            found = torch.empty(tensor.shape, dtype=tensor.dtype, device=self.device)
        dist.broadcast(found.view(-1).view(torch.uint8), 0)  # as bytes: any kind of number
        return found

    def whole(self, model: Any) -> dict[str, "torch.Tensor"] | None:
        """A sharded model's weights, put together in the first process's main memory."""
        from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        weights = get_model_state_dict(model, options=options)
        for name in model.all_tied_weights_keys:  # one tensor under two names: stored once
            weights.pop(name, None)
        return weights if self.first else None


def without_sum(model: Any, last: bool) -> AbstractContextManager[None]:
    """Keep gradients of a pass to this process, unless it is the last one of a step."""
    waits = getattr(model, "no_sync", None)
    return nullcontext() if last or waits is None else waits()


@contextmanager
def joined(strategy: Strategy) -> Iterator[World]:
    """This process's place among those that torchrun started; a world of one without it."""
    import torch

    kind = "cuda" if torch.cuda.is_available() else "cpu"
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World(0, 1, kind, strategy)
        return
    import torch.distributed as dist

    device = kind
    if kind == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if kind == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield World(dist.get_rank(), size, device, strategy)
    finally:
        gc.collect()  # a DistributedDataParallel must be gone: see ``Trainer.finish``
        dist.destroy_process_group()


def deal(passes: list[list[int]], lengths: np.ndarray, size: int) -> list[list[list[int]]]:
    """Each process's forward passes of a step: the longest first, to whom has the least so far.

    All get the same number of passes, since sharded ones meet at every layer; an empty pass
    fills a gap.
    """
    if size == 1:
        return [passes]
    tokens = [sum(int(lengths[i]) for i in group) for group in passes]
    hands: list[list[list[int]]] = [[] for _ in range(size)]
    held = [0] * size
    for number in sorted(range(len(passes)), key=lambda i: (-tokens[i], i)):
        rank = min(
            range(size), key=lambda i: (len(hands[i]) >= -(-len(passes) // size), held[i], i)
        )
        hands[rank].append(passes[number])
        held[rank] += tokens[number]
    most = max(map(len, hands))
    return [hand + [[]] * (most - len(hand)) for hand in hands]


def local(tensor: Any) -> Any:
    """Return this process's part of a tensor that is sharded, or the tensor."""
    return tensor.to_local() if hasattr(tensor, "to_local") else tensor
