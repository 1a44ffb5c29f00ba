"""Inputs that hold the corner cases, made the same way every time."""

import numpy as np

COLS = 64
# Rows of `blocks` with a NaN or an infinity, when they are asked for.
SPECIAL_ROWS = range(0, 48, 3)


def blocks(fmt, specials=False, rows=96):
    """A float32 matrix [rows, 64] for `fmt`; each kind of row occurs often."""
    rng = np.random.default_rng(4)
    x = np.zeros((rows, COLS), np.float32)
    grid = np.unique(np.abs(fmt.element.decode(np.arange(256))))
    grid = grid[np.isfinite(grid)]
    ties = np.concatenate([grid, (grid[1:] + grid[:-1]) / 2])
    for row in range(rows):
        sign = rng.choice([-1.0, 1.0], COLS)
        kind = row % 8
        if kind == 0:  # one magnitude
            x[row] = rng.standard_normal(COLS) * 2.0 ** rng.integers(-20, 20)
        elif kind == 1:  # values and midpoints of the format, at its own scale
            values = rng.choice(ties, COLS)
            values[:: max(fmt.cols, 1)] = grid[-1]
            x[row] = sign * values * 2.0 ** rng.integers(-8, 8)
        elif kind == 2:  # zeros of both signs, some blocks nothing else
            x[row] = sign * np.where(rng.random(COLS) < 0.03, 1.0, 0.0)
        elif kind == 3:  # float32 subnormals
            x[row] = sign * rng.integers(0, 2**23, COLS) * 2.0**-149
        elif kind == 4:  # next to the largest float
            x[row] = sign * np.float32(3.4028235e38) * rng.random(COLS).astype(np.float32)
        elif kind == 5:  # powers of two and their neighbours
            power = 2.0 ** rng.integers(-6, 6, COLS)
            x[row] = sign * np.nextafter(
                power.astype(np.float32), rng.choice([0, 4, 1e9], COLS).astype(np.float32))
        elif kind == 6:  # wide spread, beyond what a random word can round up
            x[row] = rng.standard_normal(COLS) * 2.0 ** rng.integers(-44, 4, COLS)
        else:  # amax where rules differ: significands near 1.5, 1.75, 1.875
            x[row] = rng.standard_normal(COLS) * 0.1
            x[row, ::8] = sign[::8] * rng.choice([1.5, 1.75, 1.74999, 1.875, 1.9, 1.99999], 8)
    if specials:
        for number, row in enumerate(SPECIAL_ROWS):
            x[row, row % COLS] = [np.nan, np.inf, -np.inf, 3.4028235e38][number % 4]
    return x


def random_words(rows=96):
    """Words for stochastic rounding; among them the smallest and the largest."""
    rng = np.random.default_rng(5)
    words = rng.integers(0, 2**32, (rows, COLS), dtype=np.uint64).astype(np.uint32)
    words[::5, ::3] = 0
    words[::7, ::4] = 2**32 - 1
    # In rows of wide spread the largest word decides about the tiniest values.
    words[6::8, ::2] = 2**32 - 1
    return words


def moderate(x):
    """Without the magnitudes that overflow a tensor scale's other blocks."""
    return np.where(np.abs(x) > 1e30, x / np.float32(1e35), x).astype(np.float32)
