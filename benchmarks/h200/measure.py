"""Checks and times kernels, and what users have, on the GPU: the part of bench.py that needs one."""

import concurrent.futures
import math
import os
import subprocess
import time

import torch

from launcher import Program, assembled
from peers import time_cublas, time_dot_scaled, time_scaled_mm
from timing import timed
from weights import Activations, Weights

ROTATED_BYTES = 300_000_000  # of weight copies, six times the L2 of an H200
RANDOM_TOLERANCE = 4e-3  # relative L2 error; rounding to bf16 alone is 1.7e-3


def copy_bandwidth():
    """TB/s read plus written by an elementwise kernel (a copy in a graph would take the copy engine)."""
    a = torch.randn(1 << 29, device="cuda")
    b = torch.empty_like(a)
    return 2 * a.numel() * 4 / timed([lambda: torch.add(a, 1, out=b)]) * 1e-6


def assemble(ptxas, artifacts, names):
    """Assembles all kernels at once, which takes the driver longer, one after the other."""
    paths = [os.path.join(artifacts, name, "kernels.sm_90a.ptx") for name in names]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda p: subprocess.run([ptxas, "-arch=sm_90a", p, "-o", assembled(p)], check=True), paths))


def copies(tensor):
    count = max(2, -(-ROTATED_BYTES // (tensor.numel() * tensor.element_size())))
    return [tensor] + [tensor.clone() for _ in range(count - 1)]


def check(program, fmt, n, k, m):
    """Relative errors: on exact data (0: every bit equal) and on random data."""
    errors = []
    for exact in (True, False):
        weights = Weights(fmt, n, k, exact)
        packed, factor = weights.pack()
        x = Activations(fmt, m, k, exact)
        out = torch.full((m, n), float("nan"), device="cuda", dtype=torch.bfloat16)
        run = program.prepare({**x.arrays(), "rhs": packed, "rhs_factor": factor, "out": out}, {"rows": m}, overlap=not exact)
        run()
        once = out.clone()
        out.fill_(float("nan"))
        run()
        torch.cuda.synchronize()
        reference = x.dense() @ weights.dense(torch.float64).T
        error = ((out.double() - reference).norm() / reference.norm()).item()
        if not torch.equal(once, out):
            error = math.inf
        elif exact:
            error = 0.0 if torch.equal(out, reference.to(torch.bfloat16)) else max(error, 1e-30)
        errors.append(error)
    return errors


class Bench:
    """Runs cases, which are entries of index.json with the number of rows `m`, and keeps what they gave."""

    def __init__(self, artifacts, peers, check_limit):
        self.artifacts, self.peers, self.check_limit = artifacts, peers, check_limit
        torch.manual_seed(1)
        torch.backends.cuda.matmul.allow_tf32 = False
        self.results = {"device": torch.cuda.get_device_name(), "torch": torch.__version__,
                        "date": time.strftime("%Y-%m-%d"), "baselines": [], "kernels": []}
        timed([lambda: torch.randn(1 << 26, device="cuda")] * 4)  # clocks up
        self.results["copy_tbs"] = copy_bandwidth()
        print(f"{self.results['device']}, copy {self.results['copy_tbs']:.2f} TB/s", flush=True)

    def run_shape(self, n, k, ms, cases):
        dense = copies(Weights("nvfp4", n, k).dense(torch.bfloat16))
        for m in ms:
            self.results["baselines"].append({
                "n": n, "k": k, "m": m, "cublas_bf16": time_cublas(dense, m),
                "scaled_mm_fp8": time_scaled_mm(dense, m) if "fp8" in self.peers else None,
                "dot_scaled": time_dot_scaled(n, k, m) if "triton" in self.peers else None})
        for fmt in sorted({case["format"] for case in cases}):
            fragments, factor = Weights(fmt, n, k).pack()
            packed = copies(fragments)
            for case in (c for c in cases if c["format"] == fmt):
                self.run_case(case, packed, factor, dense)
        torch.cuda.empty_cache()

    def run_case(self, case, packed, factor, dense):
        fmt, n, k, m = (case[key] for key in ("format", "n", "k", "m"))
        program = Program(os.path.join(self.artifacts, case["artifact"]))
        errors = check(program, fmt, n, k, m) if m * n * k < self.check_limit else [None, None]
        correct = errors[0] in (None, 0.0) and (errors[1] is None or errors[1] < RANDOM_TOLERANCE)
        arrays = {**Activations(fmt, m, k).arrays(), "rhs_factor": factor,
                  "out": torch.empty((m, n), device="cuda", dtype=torch.bfloat16)}
        # The clock under load depends on what ran before: cuBLAS goes ahead and behind.
        before = time_cublas(dense, m)
        plain, overlapped = [timed([program.prepare({**arrays, "rhs": p}, {"rows": m}, overlap) for p in packed])
                             for overlap in (False, True)]
        cublas = (before + time_cublas(dense, m)) / 2
        best = min(plain, overlapped)
        row = {**case, "us": plain, "us_overlapped": overlapped, "cublas": cublas, "ratio": cublas / best,
               "tbs": packed[0].numel() / best * 1e-6, "tflops": 2e-6 * m * n * k / best, "errors": errors,
               "correct": correct, "registers": program.registers(), "local_bytes": program.spills()}
        self.results["kernels"].append(row)
        print(f"{n}x{k} M={m:5} {fmt} {plain:8.2f} {overlapped:8.2f} us, cublas {cublas:8.2f} = {row['ratio']:5.2f}x "
              f"{row['tbs']:5.2f} TB/s {row['tflops']:6.1f} TF {errors} {'' if correct else 'WRONG '}{case['schedule']}", flush=True)
