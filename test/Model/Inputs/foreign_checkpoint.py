#!/usr/bin/env python3
"""An NVFP4 checkpoint as llm-compressor writes it for vLLM, made without our code.

  foreign_checkpoint.py make MODEL OUT
  foreign_checkpoint.py perplexity OUT TOKENS LENGTH

`perplexity` decodes the weights by the definition of the layout, code * scale /
global scale, and computes in float64 with activations as they are.
"""

import json
import pathlib
import struct
import sys

import tiny_model

E2M1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
E4M3 = [m / 512 for m in range(8)]
E4M3 += [(1 + m / 8) * 2.0 ** (e - 7) for e in range(1, 16) for m in range(8)][:-1]
# Layers that vLLM runs as one product share a global scale.
FUSED = [("q_proj", "k_proj", "v_proj"), ("o_proj",), ("gate_proj", "up_proj"), ("down_proj",)]


def nearest(value, grid):
    """Index of the nearest value, the even one of two."""
    return min(range(len(grid)), key=lambda i: (abs(grid[i] - value), i % 2))


def f32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def quantize(rows, scale):
    packed, scales = b"", b""
    for row in rows:
        codes = []
        for start in range(0, len(row), 16):
            block = row[start : start + 16]
            byte = nearest(scale * max(map(abs, block)) / 6, E4M3)
            scales += bytes([byte])
            step = E4M3[byte] / scale
            codes += [nearest(abs(x) / step, E2M1) + 8 * (x < 0) for x in block]
        packed += bytes(low | high << 4 for low, high in zip(codes[::2], codes[1::2]))
    return packed, scales


def make(source, out):
    model = tiny_model.Model(source)
    original, config = tiny_model.read_model(source)
    tensors = {
        name: ("BF16", shape, struct.pack(f"<{len(words)}H", *words))
        for name, (shape, words) in original.items()
        if not name.split(".")[-2].endswith("_proj")
    }
    for name in original:
        for group in FUSED:
            layer = name.removesuffix(".weight")
            if not layer.endswith(group):
                continue
            fused = [layer.rsplit(".", 1)[0] + "." + part + ".weight" for part in group]
            largest = max(abs(x) for part in fused for row in model.tensors[part] for x in row)
            scale = f32(448 * 6 / largest)
            rows, cols = original[name][0]
            packed, scales = quantize(model.tensors[name], scale)
            tensors[layer + ".weight_packed"] = ("U8", [rows, cols // 2], packed)
            tensors[layer + ".weight_scale"] = ("F8_E4M3", [rows, cols // 16], scales)
            tensors[layer + ".weight_global_scale"] = ("F32", [1], struct.pack("<f", scale))
            tensors[layer + ".input_global_scale"] = ("F32", [1], struct.pack("<f", 500.0))
    arguments = {"num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16}
    config["quantization_config"] = {
        "quant_method": "compressed-tensors",
        "format": "nvfp4-pack-quantized",
        "quantization_status": "compressed",
        "ignore": ["lm_head"],
        "config_groups": {
            "group_0": {
                "targets": ["Linear"],
                "weights": arguments | {"dynamic": False, "symmetric": True},
                "input_activations": arguments | {"dynamic": "local", "symmetric": True},
            }
        },
    }
    out.mkdir(parents=True)
    (out / "config.json").write_text(json.dumps(config))
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, (dtype, shape, raw) in tensors.items():
        offsets = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        data += raw
    text = json.dumps(header).encode()
    (out / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)


class Decoded(tiny_model.Model):
    def __init__(self, directory):
        raw = (directory / "model.safetensors").read_bytes()
        size = struct.unpack("<Q", raw[:8])[0]
        header = json.loads(raw[8 : 8 + size])
        self.config = json.loads((directory / "config.json").read_text())
        self.tensors = {}
        bytes_of = {}
        for name, entry in header.items():
            if name != "__metadata__":
                begin, end = (8 + size + offset for offset in entry["data_offsets"])
                bytes_of[name] = raw[begin:end]
        for name, part in bytes_of.items():
            if header[name]["dtype"] == "BF16":
                words = struct.unpack(f"<{len(part) // 2}H", part)
                values = [tiny_model.from_bf16(word) for word in words]
                self.tensors[name] = self.cut(values, header[name]["shape"])
            elif name.endswith(".weight_packed"):
                layer = name.removesuffix("_packed")
                scales = [E4M3[byte] for byte in bytes_of[layer + "_scale"]]
                scale = struct.unpack("<f", bytes_of[layer + "_global_scale"])[0]
                codes = [code for byte in part for code in (byte & 15, byte >> 4)]
                values = [
                    E2M1[code & 7] * (-1) ** (code >> 3) * scales[i // 16] / scale
                    for i, code in enumerate(codes)
                ]
                rows, half = header[name]["shape"]
                self.tensors[layer] = self.cut(values, [rows, 2 * half])

    @staticmethod
    def cut(values, shape):
        if len(shape) == 1:
            return values
        return [values[i : i + shape[1]] for i in range(0, len(values), shape[1])]


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(*map(pathlib.Path, sys.argv[2:4]))
    else:
        model = Decoded(pathlib.Path(sys.argv[2]))
        tiny_model.print_perplexity(model, pathlib.Path(sys.argv[3]), int(sys.argv[4]))
