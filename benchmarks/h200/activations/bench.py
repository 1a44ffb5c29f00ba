"""Times the activation kernels and checks every byte of what they wrote.

    benchmarks/h200/activations/build build/dev/bin/fp4-compile DIRECTORY   # where LLVM is
    python3 benchmarks/h200/activations/bench.py DIRECTORY --out results.json

The second command needs a GPU, its driver and torch. Bandwidth is compared with a
device-to-device copy of the same input in the same run; both are timed as CUDA graphs
of several launches. The reference follows docs of fp4.quantize step by step in torch.
"""

import argparse
import json
import math
import os
import re
import sys

import torch

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from launcher import load, resolve  # noqa: E402
from timing import timed  # noqa: E402

THRESHOLDS = (0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0)


def rotate(x, block):
    """Butterflies of strides 1, 2, 4, ... in float32, then one product."""
    rows, columns = x.shape
    stride = 1
    while stride < block:
        pairs = x.view(rows, columns // (2 * stride), 2, stride)
        low, high = pairs[:, :, 0], pairs[:, :, 1]
        x = torch.stack((low + high, low - high), 2).view(rows, columns)
        stride *= 2
    return x * (1 / math.sqrt(block)) if block > 1 else x


def encode_e2m1(q):
    """Nearest, ties to the even code, at most 6."""
    a = q.abs()
    code = torch.zeros_like(a, dtype=torch.uint8)
    for i, threshold in enumerate(THRESHOLDS):
        code += (a > threshold) if i % 2 == 0 else (a >= threshold)
    return code | (torch.signbit(q).to(torch.uint8) << 3)


def decode_e2m1(code):
    values = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6], device=code.device)
    return values[(code & 7).long()] * torch.where((code & 8) > 0, -1.0, 1.0)


def mantissa_scale(amax, target, tensor_scale):
    scale = ((amax / target) / tensor_scale).clamp(max=448).to(torch.float8_e4m3fn)
    code = scale.view(torch.uint8).clamp(min=1)
    return torch.where(amax == 0, torch.full_like(code, 0x38), code)


def quantize(x, form, rule, rotation, tensor_scale):
    """Codes, scale codes [rows, blocks] of finite bf16 rows."""
    block = 16 if form == "nvfp4" else 32
    x = rotate(x.float(), rotation).view(x.shape[0], -1, block)
    amax = x.abs().amax(2)
    if form == "mxfp4":
        bits = amax.view(torch.int32) + (0x200000 if rule == "even" else 0)
        codes = ((bits >> 23) - 2).clamp(min=0)
        divisor = ((codes << 23).clamp(min=0x400000)).view(torch.float32)
        return encode_e2m1(x / divisor[:, :, None]), codes.to(torch.uint8)
    candidates = []
    for target in (6.0, 4.0) if rule == "four_over_six" else (6.0,):
        codes = mantissa_scale(amax, target, tensor_scale)
        divisor = (codes.view(torch.float8_e4m3fn).float() * tensor_scale)[:, :, None]
        elements = encode_e2m1(x / divisor)
        error = (x.double() - (decode_e2m1(elements) * divisor).double()) ** 2
        total = torch.zeros_like(amax, dtype=torch.float64)
        for i in range(block):
            total += error[:, :, i]
        candidates.append((codes, elements, total))
    if len(candidates) == 1:
        return candidates[0][1], candidates[0][0]
    take = candidates[1][2] < candidates[0][2]
    return (torch.where(take[:, :, None], candidates[1][1], candidates[0][1]),
            torch.where(take, candidates[1][0], candidates[0][0]))


def swizzle(scales):
    rows, blocks = scales.shape
    padded = torch.zeros(-(-rows // 128) * 128, -(-blocks // 4) * 4, dtype=torch.uint8, device=scales.device)
    padded[:rows, :blocks] = scales
    tiles = padded.view(padded.shape[0] // 128, 4, 32, padded.shape[1] // 4, 4)
    return tiles.permute(0, 3, 2, 1, 4).contiguous()


def make_input(rows, columns):
    torch.manual_seed(1)
    x = torch.randn(rows, columns, device="cuda")
    x[1::7] *= 1e-3
    x[3::7] = (x[3::7] * 4).round() / 4  # ties
    x[5::97] = 0
    return x.bfloat16()


class Chain:
    """The launches of an artifact, one after the other."""

    def __init__(self, artifact):
        self.manifest, kernels = load(artifact)
        self.kernels = [kernels[launch["kernel"]] for launch in self.manifest["launches"]]

    def prepare(self, x, tensor_scale):
        """Launch functions and the arrays by argument name."""
        symbols, arrays, buffers, launches = {"rows": x.shape[0]}, {}, {}, []
        for kernel, launch in zip(self.kernels, self.manifest["launches"]):
            arguments = {}
            for argument in kernel.entry["arguments"]:
                if argument["kind"] == "value":
                    continue
                name = argument["name"]
                source = launch["arguments"][name]
                if name == "input":
                    arguments[name] = x
                elif "input" in source:
                    arguments[name] = tensor_scale
                elif source.get("buffer") in buffers:
                    arguments[name] = buffers[source["buffer"]]
                else:
                    count = math.prod(resolve(size, symbols) for size in argument["shape"])
                    size = 4 * count if argument["type"] == "f32" else (
                        count // 2 if argument["type"] == "f4E2M1FN" else count)
                    arguments[name] = torch.full((max(size, 1),), 0xFF, dtype=torch.uint8, device="cuda")
                    buffers[source.get("buffer", source.get("output"))] = arguments[name]
                arrays[name] = arguments[name]
            launches.append(kernel.prepare(arguments, symbols))
        return launches, arrays


def measure(artifact, name, rows, columns, copy_us):
    form, rule, rotation = re.match(r"(\w+?)-(\w+)-h(\d+)", name).groups()
    chain = Chain(artifact)
    x = make_input(rows, columns)
    is_dynamic = len(chain.kernels) > 1
    rotated = rotate(x.float(), max(1, int(rotation)))
    largest = 6 * (256 if rule == "four_over_six" else 448)
    tensor_scale = (rotated.abs().max() / largest).reshape(1)
    if not is_dynamic:
        tensor_scale = tensor_scale * 0.9
    launches, arrays = chain.prepare(x, tensor_scale)
    for launch in launches:
        launch()
    torch.cuda.synchronize()
    codes, scales = quantize(x, form, rule, max(1, int(rotation)), tensor_scale)
    codes = codes.view(rows, columns)
    wrong = int((arrays["elements"].view(rows, -1) != (codes[:, ::2] | codes[:, 1::2] << 4)).sum())
    wrong += int((arrays["scales"] != swizzle(scales).view(-1)).sum())
    del codes, scales, rotated
    micros = timed(launches)
    moved = rows * columns * (2.5 + (1 / 16 if form == "nvfp4" else 1 / 32))
    copied = 2 * rows * columns * 2
    return {"name": name, "rows": rows, "us": round(micros, 2), "wrong_bytes": wrong,
            "tb_per_s": round(moved / micros / 1e6, 3),
            "of_copy": round(moved / micros / (copied / copy_us), 3),
            "registers": [k.registers() for k in chain.kernels], "local_bytes": [k.spills() for k in chain.kernels]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("--out")
    parser.add_argument("--rows", type=int, default=8192)
    options = parser.parse_args()
    columns = 8192
    x = make_input(options.rows, columns)
    y = torch.empty_like(x)
    copy_us = timed([lambda: y.copy_(x)])
    results = [{"name": "copy", "us": round(copy_us, 2),
                "tb_per_s": round(2 * x.numel() * 2 / copy_us / 1e6, 3)}]
    print(results[0], flush=True)
    for entry in sorted(os.listdir(options.directory)):
        if entry.endswith(".fp4"):
            results.append(measure(os.path.join(options.directory, entry), entry[:-4], options.rows, columns, copy_us))
            print(results[-1], flush=True)
    if options.out:
        with open(options.out, "w") as file:
            json.dump({"device": torch.cuda.get_device_name(), "results": results}, file, indent=1)
    return any(r.get("wrong_bytes") for r in results)


if __name__ == "__main__":
    sys.exit(main())
