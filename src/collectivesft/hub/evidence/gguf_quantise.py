"""Quantise a GGUF file to four bits, which llama.cpp's converter of models does not do.

As llama.cpp's own program for this does, the matrices of the layers get four bits a weight (Q4_0).
Embeddings and the output layer keep eight, as they decide most of the error; vectors stay.
"""

from pathlib import Path
from typing import Any

_BLOCK = 32  # weights of a row that share one scale
_EIGHT_BITS = ("token_embd.weight", "output.weight")


def quantise(source: Path, out: Path) -> None:
    """Write a copy of a GGUF file with its metadata and quantised matrices.

    Args:
        source: GGUF file in float32, float16 or bfloat16.
        out: GGUF file to write. One matrix at a time is in memory.
    """
    from gguf import GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType

    reader = GGUFReader(source)
    writer = GGUFWriter(out, reader.fields["general.architecture"].contents())
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        value, kind = field.contents(), field.types[0]
        if field.name == "general.file_type":
            value = int(LlamaFileType.MOSTLY_Q4_0)
        sub = field.types[-1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, value, kind, sub_type=sub)
    for tensor in reader.tensors:
        _announce(writer, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor in reader.tensors:
        writer.write_tensor_data(_data(tensor))
    writer.close()


def _kind(tensor: Any) -> Any:
    """Return the type that a tensor gets; None where it stays."""
    from gguf import GGMLQuantizationType as Kind

    if len(tensor.shape) < 2 or tensor.shape[0] % _BLOCK:
        return None
    return Kind.Q8_0 if tensor.name in _EIGHT_BITS else Kind.Q4_0


def _announce(writer: Any, tensor: Any) -> None:
    """Tell the writer a tensor's shape and type before its numbers."""
    from gguf import quant_shape_to_byte_shape

    kind = _kind(tensor) or tensor.tensor_type
    shape = [int(size) for size in reversed(tensor.shape)]
    known = _data_type(kind)
    if known is not None:
        writer.add_tensor_info(tensor.name, shape, known, _bytes(shape, kind))
        return
    rows = quant_shape_to_byte_shape(shape, kind)
    import numpy as np

    writer.add_tensor_info(tensor.name, rows, np.dtype("uint8"), _bytes(shape, kind), kind)


def _data_type(kind: Any) -> Any:
    import numpy as np
    from gguf import GGMLQuantizationType as Kind

    plain = {Kind.F32: np.dtype("float32"), Kind.F16: np.dtype("float16")}
    return plain.get(kind)


def _bytes(shape: list[int], kind: Any) -> int:
    from math import prod

    from gguf import GGML_QUANT_SIZES

    block, size = GGML_QUANT_SIZES[kind]
    return prod(shape) // block * size


def _data(tensor: Any) -> Any:
    import numpy as np
    from gguf import dequantize, quantize

    kind = _kind(tensor)
    if kind is None:
        return tensor.data
    values = dequantize(tensor.data, tensor.tensor_type)
    return quantize(np.ascontiguousarray(values, dtype=np.float32), kind)
