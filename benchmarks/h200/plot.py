#!/usr/bin/env python3
"""Draws bench.py's results as speed over cuBLAS bf16 by number of rows, an SVG.

    python3 benchmarks/h200/plot.py results.json --out results.svg

One line per format: the geometric mean over shapes of the fastest kernel; cuBLAS is
1, torch._scaled_mm (FP8) and tl.dot_scaled are dashed.
"""

import argparse
import json
import math

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 760, 420, 60, 20, 190, 50
COLORS = ["#1b6ca8", "#c0392b", "#2e8b57", "#8e44ad", "#b9770e", "#16a085", "#7f8c8d"]


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def lines(results):
    """[(name, dashed, {M: ratio})]"""
    base = {(b["n"], b["k"], b["m"]): b for b in results["baselines"]}
    ms = sorted({b["m"] for b in results["baselines"]})
    drawn = []
    for fmt in sorted({k["format"] for k in results["kernels"]}):
        best = {}
        for kernel in (k for k in results["kernels"] if k["format"] == fmt):
            key = (kernel["n"], kernel["k"], kernel["m"])
            best[key] = max(best.get(key, 0), kernel["ratio"])
        drawn.append((fmt, False, {m: geomean([r for key, r in best.items() if key[2] == m])
                                   for m in ms if any(key[2] == m for key in best)}))
    for name in ("scaled_mm_fp8", "dot_scaled"):
        points = {}
        for m in ms:
            ratios = [b["cublas_bf16"] / b[name] for key, b in base.items() if key[2] == m and b.get(name)]
            if ratios:
                points[m] = geomean(ratios)
        if points:
            drawn.append((name, True, points))
    return ms, drawn


def draw(results):
    ms, drawn = lines(results)
    top = max([1.0] + [max(points.values()) for _, _, points in drawn]) * 1.08
    octaves = max(1.0, math.log2(ms[-1] / ms[0]))
    inner = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM)

    def x(m):
        return LEFT + inner[0] * math.log2(m / ms[0]) / octaves

    def y(ratio):
        return TOP + inner[1] * (1 - ratio / top)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    for tick in [t / 2 for t in range(int(top * 2) + 1)]:
        weight = 1.5 if tick == 1 else 0.5
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="#999" stroke-width="{weight}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for m in ms:
        parts.append(f'<text x="{x(m):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{m}</text>')
    parts.append(f'<text x="{LEFT + inner[0] / 2}" y="{HEIGHT - 12}" text-anchor="middle">rows M</text>')
    parts.append(f'<text x="16" y="{TOP + inner[1] / 2}" text-anchor="middle" transform="rotate(-90 16 {TOP + inner[1] / 2})">'
                 'speed relative to cuBLAS bf16</text>')
    for i, (name, dashed, points) in enumerate(drawn):
        color = COLORS[i % len(COLORS)]
        path = " ".join(f"{x(m):.1f},{y(r):.1f}" for m, r in sorted(points.items()))
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"{dash}/>')
        last = max(points)
        parts.append(f'<text x="{WIDTH - RIGHT + 10}" y="{TOP + 20 + 18 * i}" fill="{color}">{name} ({points[last]:.2f} at {last})</text>')
    return "\n".join(parts + ["</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    with open(options.results) as file:
        results = json.load(file)
    with open(options.out, "w") as file:
        file.write(draw(results))


if __name__ == "__main__":
    main()
