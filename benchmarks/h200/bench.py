#!/usr/bin/env python3
"""Checks and times generated FP4 matmuls on a Hopper GPU, beside what users have.

    python3 benchmarks/h200/bench.py --artifacts DIR --out results.json [--ms 1,16,...]

DIR comes from compile.py; here PyTorch and the driver suffice. Per shape and M,
in one run: every generated kernel that suits M, cuBLAS bf16 (torch.matmul),
FP8 (torch._scaled_mm), Triton (tl.dot_scaled). Every kernel is checked before it is timed: bit-equal to a
float64 product on data whose sums are exact, relative error on random data, twice
the same. Times are CUDA-graph replays over copies of the weights larger than
L2, median of several, microseconds per call; cuBLAS is timed before and after each.
"""

import argparse
import concurrent.futures
import json
import math
import os
import subprocess
import sys
import time

import torch

from launcher import Kernel, assembled
from peers import time_cublas, time_dot_scaled, time_scaled_mm
from timing import timed
from weights import Weights, activation_type

ROTATED_BYTES = 300_000_000  # of weight copies, six times the L2 of an H200
RANDOM_TOLERANCE = 4e-3  # relative L2 error; rounding to bf16 alone is 1.7e-3


def copy_bandwidth():
    """TB/s read plus written by an elementwise kernel (a copy in a graph would take the copy engine)."""
    a = torch.randn(1 << 29, device="cuda")
    b = torch.empty_like(a)
    return 2 * a.numel() * 4 / timed([lambda: torch.add(a, 1, out=b)]) * 1e-6


def parse_schedule(text):
    """Rows of the tile, warps along columns, split."""
    fields = dict(field.split(" = ") for field in text.split(", "))
    return int(fields["tile"].split("x")[0]), int(fields["warps"].split("x")[1]), int(fields.get("split", 1))


def suits(rows, warps, split, m):
    """Whether a tile of so many rows is worth timing for M rows."""
    if split > 1 and warps > 1 and m > 4 * rows:
        return False
    if warps == 1 or rows <= 32:
        return m <= rows <= max(8, 2 * m - 1)
    if rows == 64:
        return 32 < m <= 64
    return rows <= max(128, m) and (m > 64) and (m > 512 or m <= 4 * rows)


def arrays(x, packed, factor, out):
    return {"lhs": x, "rhs": packed, "rhs_factor": factor, "out": out}


def check(kernel, fmt, n, k, m):
    """Relative errors: on exact data (0: every bit equal) and on random data."""
    errors = []
    for exact in (True, False):
        weights = Weights(fmt, n, k, exact)
        packed, factor = weights.pack()
        # Sums of 8-bit products keep fewer bits.
        largest = 1 if weights.is_folded else 2
        x = (torch.randint(-largest, largest + 1, (m, k), device="cuda").float() if exact
             else torch.randn(m, k, device="cuda")).to(weights.activations)
        out = torch.full((m, n), float("nan"), device="cuda", dtype=torch.bfloat16)
        run = kernel.prepare(arrays(x, packed, factor, out), {"rows": m}, overlap=not exact)
        run()
        once = out.clone()
        out.fill_(float("nan"))
        run()
        torch.cuda.synchronize()
        reference = x.double() @ weights.dense(torch.float64).T
        error = ((out.double() - reference).norm() / reference.norm()).item()
        if not torch.equal(once, out):
            error = math.inf
        elif exact:
            error = 0.0 if torch.equal(out, reference.to(torch.bfloat16)) else max(error, 1e-30)
        errors.append(error)
    return errors


def time_kernel(kernel, x, packed, factor, out, m):
    """Microseconds plain and overlapped with the kernel before."""
    return [timed([kernel.prepare(arrays(x, p, factor, out), {"rows": m}, overlap) for p in packed])
            for overlap in (False, True)]


def copies(tensor):
    count = max(2, -(-ROTATED_BYTES // (tensor.numel() * tensor.element_size())))
    return [tensor] + [tensor.clone() for _ in range(count - 1)]


def assemble(options, index):
    """Assembles all kernels at once, which takes the driver longer, one after the other."""
    paths = [os.path.join(options.artifacts, e["artifact"], "kernels.sm_90a.ptx") for e in index]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda p: subprocess.run([options.ptxas, "-arch=sm_90a", p, "-o", assembled(p)], check=True), paths))


def run_shape(entries, n, k, ms, options, results):
    dense = copies(Weights("nvfp4", n, k).dense(torch.bfloat16))
    for m in ms:
        results["baselines"].append({"n": n, "k": k, "m": m, "cublas_bf16": time_cublas(dense, m),
                                     "scaled_mm_fp8": time_scaled_mm(dense, m) if options.fp8 else None,
                                     "dot_scaled": time_dot_scaled(n, k, m) if options.triton else None})
    for fmt in sorted({e["format"] for e in entries}):
        weights = Weights(fmt, n, k)
        fragments, factor = weights.pack()
        packed = copies(fragments)
        for entry in (e for e in entries if e["format"] == fmt):
            if entry["rows"] == "?":
                suitable = [m for m in ms if suits(*parse_schedule(entry["schedule"]), m)]
            else:
                suitable = [m for m in ms if m == int(entry["rows"])]
            if not suitable:
                continue
            kernel = Kernel(os.path.join(options.artifacts, entry["artifact"]))
            for m in suitable:
                run_case(kernel, entry, m, packed, factor, dense, options, results)
    torch.cuda.empty_cache()


def run_case(kernel, entry, m, packed, factor, dense, options, results):
    fmt, n, k = entry["format"], entry["n"], entry["k"]
    errors = check(kernel, fmt, n, k, m) if m * n * k < options.check_limit else [None, None]
    correct = errors[0] in (None, 0.0) and (errors[1] is None or errors[1] < RANDOM_TOLERANCE)
    x = torch.randn(m, k, device="cuda").to(activation_type(fmt))
    out = torch.empty((m, n), device="cuda", dtype=torch.bfloat16)
    # The clock under load depends on what ran before: cuBLAS goes ahead and behind.
    before = time_cublas(dense, m)
    plain, overlapped = time_kernel(kernel, x, packed, factor, out, m)
    cublas = (before + time_cublas(dense, m)) / 2
    best = min(plain, overlapped)
    row = {**entry, "m": m, "us": plain, "us_overlapped": overlapped, "cublas": cublas, "ratio": cublas / best,
           "tbs": packed[0].numel() / best * 1e-6, "tflops": 2e-6 * m * n * k / best, "errors": errors,
           "correct": correct, "registers": kernel.registers(), "local_bytes": kernel.spills()}
    results["kernels"].append(row)
    print(f"{n}x{k} M={m:5} {fmt} {plain:8.2f} {overlapped:8.2f} us, cublas {cublas:8.2f} = {row['ratio']:5.2f}x "
          f"{row['tbs']:5.2f} TB/s {row['tflops']:6.1f} TF {errors} {'' if correct else 'WRONG '}{entry['schedule']}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--ms", default="1,2,4,8,16,32,64,128,256,512,1024,2048,4096,8192")
    parser.add_argument("--ptxas", help="assemble all kernels with it first")
    parser.add_argument("--shapes", help="NxK,...: only these")
    parser.add_argument("--fp8", action="store_true", help="time torch._scaled_mm too")
    parser.add_argument("--triton", action="store_true", help="time tl.dot_scaled too")
    parser.add_argument("--check-limit", type=float, default=2e11, help="largest M*N*K that is checked")
    parser.add_argument("--seconds", type=float, default=1e9, help="start no further shape after so long")
    options = parser.parse_args()
    start = time.time()
    torch.manual_seed(1)
    torch.backends.cuda.matmul.allow_tf32 = False
    with open(os.path.join(options.artifacts, "index.json")) as file:
        index = json.load(file)
    if options.ptxas:
        assemble(options, index)
    results = {"device": torch.cuda.get_device_name(), "torch": torch.__version__, "date": time.strftime("%Y-%m-%d"),
               "baselines": [], "kernels": []}
    timed([lambda: torch.randn(1 << 26, device="cuda")] * 4)  # clocks up
    results["copy_tbs"] = copy_bandwidth()
    print(f"{results['device']}, copy {results['copy_tbs']:.2f} TB/s")
    shapes = sorted({(e["n"], e["k"]) for e in index}, key=lambda s: s[0] * s[1])
    if options.shapes:
        shapes = [tuple(map(int, s.split("x"))) for s in options.shapes.split(",")]
    for n, k in shapes:
        if time.time() - start > options.seconds:
            print(f"no time left for {n}x{k}")
            continue
        run_shape([e for e in index if (e["n"], e["k"]) == (n, k)], n, k, list(map(int, options.ms.split(","))), options, results)
        with open(options.out, "w") as file:
            json.dump(results, file, indent=1)
    wrong = [r for r in results["kernels"] if not r["correct"]]
    print(f"{len(results['kernels'])} cases, {len(wrong)} wrong, {time.time() - start:.0f} s")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
