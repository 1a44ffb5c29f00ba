#!/usr/bin/env python3
"""Checks and times generated FP4 matmuls on a Hopper GPU, beside what users have.

    python3 benchmarks/h200/bench.py --artifacts DIR --out results.json

DIR comes from compile.py; here PyTorch and the driver suffice. Per shape and M,
in one run: every generated kernel for M, cuBLAS bf16 (torch.matmul), FP8
(torch._scaled_mm), Triton (tl.dot_scaled). Every kernel is checked before it is
timed: bit-equal to a float64 product on data whose sums are exact, relative error
on random data, twice the same. Times are CUDA-graph replays over copies of the
weights larger than L2, median of several, microseconds per call; cuBLAS is timed
before and after each. Beside results.json come the same as tables, results.md, and
as a plot, results.svg. With --dry-run, which needs neither GPU nor PyTorch, it
lists what it would run.
"""

import argparse
import contextlib
import json
import os
import sys
import time

import plot
import table
from compile import ROWS


def parse_schedule(text):
    """Rows of the tile, warps along columns, split."""
    fields = dict(field.split(" = ") for field in text.replace(", balanced", "").split(", "))
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


def find_cases(index, ms):
    """The kernels of index.json, each with every number of rows that it is to be timed for."""
    return [{**entry, "m": m} for entry in index for m in ms
            if (suits(*parse_schedule(entry["schedule"]), m) if entry["rows"] == "?" else m == int(entry["rows"]))]


def find_shapes(cases, text):
    """(N, K) in the order of their sizes, or those of --shapes."""
    if text:
        return [tuple(map(int, shape.split("x"))) for shape in text.split(",")]
    return sorted({(c["n"], c["k"]) for c in cases}, key=lambda s: s[0] * s[1])


def write(results, path):
    """results.json, results.md and results.svg."""
    base = path.removesuffix(".json")
    with open(path, "w") as file:
        json.dump(results, file, indent=1)
    with open(base + ".md", "w") as file, contextlib.redirect_stdout(file):
        table.print_tables([results])
    with open(base + ".svg", "w") as file:
        file.write(plot.draw(results))


def dry_run(cases, shapes, ms, peers, artifacts):
    """Lists the cases, and says which artifacts are missing. Returns their number."""
    missing = 0
    for n, k in shapes:
        chosen = [c for c in cases if (c["n"], c["k"]) == (n, k)]
        print(f"{n}x{k}: {', '.join(['cublas_bf16', *peers])} at M = {', '.join(map(str, ms))}")
        for case in chosen:
            exists = os.path.exists(os.path.join(artifacts, case["artifact"], "manifest.json"))
            missing += not exists
            print(f"  {case['format']} M={case['m']} {case['schedule']}{'' if exists else ' MISSING'}")
    print(f"{len(cases)} cases, {missing} without an artifact")
    return missing


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", required=True)
    parser.add_argument("--out", default="results.json")
    parser.add_argument("--ms", default=ROWS)
    parser.add_argument("--ptxas", help="assemble all kernels with it first")
    parser.add_argument("--shapes", help="NxK,...: only these")
    parser.add_argument("--peers", default="fp8,triton", help="what to time beside cuBLAS: torch._scaled_mm, tl.dot_scaled")
    parser.add_argument("--check-limit", type=float, default=2e11, help="largest M*N*K that is checked")
    parser.add_argument("--seconds", type=float, default=1e9, help="start no further shape after so long")
    parser.add_argument("--dry-run", action="store_true")
    options = parser.parse_args()
    start = time.time()
    with open(os.path.join(options.artifacts, "index.json")) as file:
        index = json.load(file)
    ms, peers = list(map(int, options.ms.split(","))), [p for p in options.peers.split(",") if p]
    cases = find_cases(index, ms)
    shapes = find_shapes(cases, options.shapes)
    cases = [c for c in cases if (c["n"], c["k"]) in shapes]
    if options.dry_run:
        sys.exit(bool(dry_run(cases, shapes, ms, peers, options.artifacts)))
    import measure  # needs PyTorch and the driver
    if options.ptxas:
        measure.assemble(options.ptxas, options.artifacts, sorted({c["artifact"] for c in cases}))
    bench = measure.Bench(options.artifacts, peers, options.check_limit)
    for n, k in shapes:
        if time.time() - start > options.seconds:
            print(f"no time left for {n}x{k}")
            continue
        bench.run_shape(n, k, ms, [c for c in cases if (c["n"], c["k"]) == (n, k)])
        write(bench.results, options.out)
    wrong = [r for r in bench.results["kernels"] if not r["correct"]]
    print(f"{len(bench.results['kernels'])} cases, {len(wrong)} wrong, {time.time() - start:.0f} s")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
