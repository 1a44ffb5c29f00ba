"""Times launches on the GPU as replays of a CUDA graph."""

import statistics

import torch

WARM_UP_MS = 15


def timed(launches, budget_us=2500, replays=7):
    """Median microseconds per call of the launches, replayed as one graph."""
    for launch in launches[:2]:
        launch()
    torch.cuda.synchronize()
    first, last = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    first.record()
    for launch in launches:
        launch()
    last.record()
    torch.cuda.synchronize()
    repeat = max(1, min(20, int(budget_us / max(1.0, first.elapsed_time(last) * 1000))))
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(repeat):
            for launch in launches:
                launch()
    # Clocks rise within milliseconds of work.
    spent = 0.0
    while spent < WARM_UP_MS:
        first.record()
        graph.replay()
        last.record()
        torch.cuda.synchronize()
        spent += first.elapsed_time(last)
    times = []
    for _ in range(replays):
        first.record()
        graph.replay()
        last.record()
        torch.cuda.synchronize()
        times.append(first.elapsed_time(last) * 1000 / (repeat * len(launches)))
    return statistics.median(times)
