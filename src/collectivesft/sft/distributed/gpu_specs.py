"""List memory and peak speed of GPUs."""

# Memory in bytes and peak of dense bfloat16 matrix products in FLOP/s, by the makers' data sheets.
GPUS = {
    "h100-80gb": (80e9, 989e12),
    "h200-141gb": (141e9, 989e12),
    "a100-80gb": (80e9, 312e12),
    "a100-40gb": (40e9, 312e12),
    "rtx4090-24gb": (24e9, 165e12),
}
