#!/usr/bin/env python3
"""Prints bench.py's results as the tables of docs/Performance.md.

    python3 benchmarks/h200/table.py results.json [more.json ...]

Per format and M: the fastest kernel of each shape, in microseconds alone and
overlapped / cuBLAS bf16 = ratio of the better, and the geometric mean of the
ratios. With --fp8 the second number is torch._scaled_mm instead of cuBLAS.
"""

import argparse
import json
import math


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def print_table(kernels, baselines, name):
    shapes = sorted({(k["n"], k["k"]) for k in kernels}, key=lambda s: s[0] * s[1])
    print("| M | " + " | ".join(f"{n}×{k}" for n, k in shapes) + " | geomean |")
    print("|---" * (len(shapes) + 2) + "|")
    for m in sorted({k["m"] for k in kernels}):
        cells, ratios = [], []
        for shape in shapes:
            cases = [k for k in kernels if (k["n"], k["k"], k["m"]) == (*shape, m)]
            other = baselines.get((*shape, m), {}).get(name)
            if name == "cublas_bf16" and cases:
                other = min(cases, key=lambda k: min(k["us"], k["us_overlapped"]))["cublas"]
            if not cases or not other:
                cells.append("–")
                continue
            best = min(cases, key=lambda k: min(k["us"], k["us_overlapped"]))
            ratios.append(other / min(best["us"], best["us_overlapped"]))
            cells.append(f"{best['us']:.1f}, {best['us_overlapped']:.1f} / {other:.1f} = {ratios[-1]:.2f}")
        mean = f"{geomean(ratios):.2f}" if ratios else "–"
        print(f"| {m} | " + " | ".join(cells) + f" | {mean} |")


def print_tables(all_results, name="cublas_bf16"):
    """One table per format of one or more runs."""
    kernels, baselines = [], {}
    for results in all_results:
        kernels += results["kernels"]
        baselines.update({(b["n"], b["k"], b["m"]): b for b in results["baselines"]})
    for fmt in sorted({k["format"] for k in kernels}):
        print(f"\n{fmt}\n")
        print_table([k for k in kernels if k["format"] == fmt], baselines, name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+")
    parser.add_argument("--fp8", action="store_true")
    options = parser.parse_args()
    all_results = []
    for path in options.results:
        with open(path) as file:
            all_results.append(json.load(file))
    print_tables(all_results, "scaled_mm_fp8" if options.fp8 else "cublas_bf16")


if __name__ == "__main__":
    main()
