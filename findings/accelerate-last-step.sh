#!/usr/bin/env bash
# Accelerate divides each loss by gradient_accumulation_steps, in the last step of an epoch too:
# where six batches meet steps of four, the last update has half the gradient.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q torch==2.13.0 accelerate==1.15.0 numpy==2.4.6
venv/bin/python - <<'PY'
import accelerate
import torch
from accelerate import Accelerator

tool = Accelerator(gradient_accumulation_steps=4, cpu=True)
model = torch.nn.Linear(1, 1, bias=False)
batches = torch.utils.data.DataLoader(torch.ones(6, 1), batch_size=1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
model, optimizer, batches = tool.prepare(model, optimizer, batches)
gradients = []
for batch in batches:
    with tool.accumulate(model):
        tool.backward(model(batch).mean())
        if tool.sync_gradients:
            gradients.append(model.weight.grad.item())
        optimizer.step()
        optimizer.zero_grad()
print("accelerate", accelerate.__version__, "gradients of two steps:", gradients)
assert gradients == [1.0, 0.5], "the last step is scaled by its own number of batches now"
print("six equal batches: the step of four has 1.0, the step of two 0.5")
PY
