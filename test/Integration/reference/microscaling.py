"""What the fp4 operations mean, written from their documentation in NumPy.

A second opinion on the C++ code: it shares no code or tables with it, works on
lists of values in float64 (exact for every quantity that occurs) and uses
float32 only where the documentation says that a step is rounded.
"""

import functools
import math

import numpy as np


class ValueFormat:
    """A narrow format as the list of its values, the index being the code."""

    def __init__(self, exponent_bits, mantissa_bits, bias, largest, signed=True, nan_code=None,
                 has_infinity=False):
        self.mantissa_bits = mantissa_bits
        self.largest = largest
        values = []
        for exponent in range(2**exponent_bits):
            for mantissa in range(2**mantissa_bits):
                fraction = mantissa / 2**mantissa_bits
                if exponent == 0:
                    value = fraction * 2.0 ** (1 - bias)
                else:
                    value = (1 + fraction) * 2.0 ** (exponent - bias)
                if value > largest:
                    break
                values.append(value)
        self.magnitudes = np.array(values)
        self.emax = math.floor(math.log2(largest))
        self.signed = signed
        self.width = exponent_bits + mantissa_bits + (1 if signed else 0)
        self.nan_code = nan_code
        # The code behind the largest value, if the format has an infinity.
        self.infinity = len(values) if has_infinity else None

    def decode(self, codes):
        codes = codes.astype(np.int64) & (2**self.width - 1)
        sign_bit = self.width - 1 if self.signed else self.width
        magnitude = codes & (2**sign_bit - 1)
        known = magnitude < len(self.magnitudes)
        value = np.where(known, self.magnitudes[np.where(known, magnitude, 0)], np.nan)
        value = np.where(magnitude == self.infinity, np.inf, value)
        return np.where(codes >> sign_bit, -value, value)

    def round_magnitude(self, magnitude):
        """Code of the nearest value; the even code of two equally near ones."""
        magnitude = np.minimum(magnitude, self.largest)
        above = np.minimum(np.searchsorted(self.magnitudes, magnitude), len(self.magnitudes) - 1)
        below = np.maximum(above - 1, 0)
        to_above = np.abs(self.magnitudes[above] - magnitude)
        to_below = np.abs(magnitude - self.magnitudes[below])
        take_above = (to_above < to_below) | ((to_above == to_below) & (above % 2 == 0))
        return np.where(take_above, above, below)

    def encode(self, values):
        code = self.round_magnitude(np.abs(values))
        return np.where(np.signbit(values), code | 2 ** (self.width - 1), code)

    def encode_stochastic(self, values, random):
        magnitude = np.minimum(np.abs(values), self.largest)
        low = np.searchsorted(self.magnitudes, magnitude, side="right") - 1
        high = np.minimum(low + 1, len(self.magnitudes) - 1)
        gap = self.magnitudes[high] - self.magnitudes[low]
        fraction = np.where(gap > 0, (magnitude - self.magnitudes[low]) / np.where(gap > 0, gap, 1), 0)
        # 1 - (random + 1/2) / 2^32 has 33 bits and the fraction is exact.
        goes_up = fraction >= 1 - (random.astype(np.float64) + 0.5) / 2**32
        code = np.where(goes_up, high, low)
        return np.where(np.signbit(values), code | 2 ** (self.width - 1), code)


class FixedPoint:
    """MXINT8: integers of -127..127 over 64, in two's complement."""

    mantissa_bits = 0
    emax = 0
    largest = 127 / 64
    nan_code = None

    def decode(self, codes):
        return codes.astype(np.uint8).view(np.int8).astype(np.float64) / 64

    def encode(self, values):
        # numpy.rint rounds ties to even.
        return np.rint(np.clip(values * 64, -127, 127)).astype(np.int64) & 255

    def encode_stochastic(self, values, random):
        magnitude = np.minimum(np.abs(values) * 64, 127)
        low = np.floor(magnitude)
        goes_up = magnitude - low >= 1 - (random.astype(np.float64) + 0.5) / 2**32
        code = np.minimum(low + goes_up, 127).astype(np.int64)
        return np.where(np.signbit(values), -code, code) & 255


class PowerOfTwo:
    """E8M0: 2^(code - 127), and NaN for 255."""

    nan_code = 255

    def decode(self, codes):
        codes = codes.astype(np.int64)
        return np.where(codes == 255, np.nan, 2.0 ** np.minimum(codes - 127, 127))


ELEMENTS = {
    "f4E2M1FN": ValueFormat(2, 1, 1, 6.0),
    "f6E2M3FN": ValueFormat(2, 3, 1, 7.5),
    "f6E3M2FN": ValueFormat(3, 2, 3, 28.0),
    "f8E4M3FN": ValueFormat(4, 3, 7, 448.0),
    "f8E5M2": ValueFormat(5, 2, 15, 57344.0, has_infinity=True),
    "i8": FixedPoint(),
}
SCALES = {
    "f8E8M0FNU": PowerOfTwo(),
    "f8E4M3FN": ValueFormat(4, 3, 7, 448.0, signed=False, nan_code=127),
    "ue5m3fnu": ValueFormat(5, 3, 15, 114688.0, signed=False, nan_code=255),
    "ue5m3gc": ValueFormat(5, 3, 15, 61440.0, signed=False, nan_code=255),
}


class Format:
    def __init__(self, element, scale, rows, cols, tensor_scale):
        self.element = ELEMENTS[element]
        self.scale = SCALES[scale]
        self.power_of_two = scale == "f8E8M0FNU"
        self.has_headroom = scale == "f8E4M3FN"
        self.rows, self.cols = rows, cols
        self.has_tensor_scale = tensor_scale


FORMATS = {
    "nvfp4": Format("f4E2M1FN", "f8E4M3FN", 1, 16, True),
    "mxfp4": Format("f4E2M1FN", "f8E8M0FNU", 1, 32, False),
    "mxfp6e2m3": Format("f6E2M3FN", "f8E8M0FNU", 1, 32, False),
    "mxfp6e3m2": Format("f6E3M2FN", "f8E8M0FNU", 1, 32, False),
    "mxfp8e4m3": Format("f8E4M3FN", "f8E8M0FNU", 1, 32, False),
    "mxfp8e5m2": Format("f8E5M2", "f8E8M0FNU", 1, 32, False),
    "mxint8": Format("i8", "f8E8M0FNU", 1, 32, False),
    "nvfp4-16x16": Format("f4E2M1FN", "f8E4M3FN", 16, 16, True),
    "ue5m3fnu": Format("f4E2M1FN", "ue5m3fnu", 1, 16, False),
    "ue5m3gc": Format("f4E2M1FN", "ue5m3gc", 1, 16, True),
}


def to_blocks(fmt, x):
    """[blocks, rows of a block * columns of a block], and the inverse."""
    rows, cols = x.shape
    split = x.reshape(rows // fmt.rows, fmt.rows, cols // fmt.cols, fmt.cols)
    return split.transpose(0, 2, 1, 3).reshape(-1, fmt.rows * fmt.cols)


def from_blocks(fmt, blocks, shape):
    rows, cols = shape
    split = blocks.reshape(rows // fmt.rows, cols // fmt.cols, fmt.rows, fmt.cols)
    return split.transpose(0, 2, 1, 3).reshape(shape)


def as_float32(x):
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return np.asarray(x).astype(np.float32)


def divide(a, b):
    """One float32 division."""
    with np.errstate(all="ignore"):
        return as_float32(a) / as_float32(b)


def multiply(a, b):
    """One float32 multiplication."""
    with np.errstate(all="ignore"):
        return as_float32(a) * as_float32(b)


def tensor_scale_of(fmt, x, rule):
    if rule in ("four_over_six", "search") and fmt.has_headroom:
        largest_scale = 256
    else:
        largest_scale = fmt.scale.largest
    scale = divide(np.max(np.abs(x)), fmt.element.largest * largest_scale)
    return np.float32(1) if scale == 0 else scale


# The scale rules: from amax (float64 values of float32 numbers, positive and
# finite) to codes.


def floor_codes(fmt, amax):
    exponent = np.frexp(amax)[1] - 1
    return np.clip(exponent - fmt.element.emax, -127, 127) + 127


def rceil_codes(fmt, amax):
    exponents = np.arange(-127, 128)
    fits = amax[:, None] <= fmt.element.largest * 2.0 ** exponents[None, :]
    return np.where(fits.any(1), fits.argmax(1), 254)


def even_codes(fmt, amax):
    # Round the significand at the element's mantissa, halves up. Float32
    # subnormals have the exponent of the smallest normal number here.
    exponent = np.maximum(np.frexp(amax)[1] - 1, -126)
    unit = 2.0 ** (exponent - fmt.element.mantissa_bits)
    rounded = np.floor(amax / unit + 0.5) * unit
    return floor_codes(fmt, np.where(rounded > 0, rounded, amax))


def mantissa_codes(fmt, amax, target, tensor_scale):
    quotient = divide(divide(amax, target), tensor_scale).astype(np.float64)
    return np.maximum(fmt.scale.round_magnitude(quotient), 1)


def squared_errors(fmt, blocks, codes, tensor_scale):
    scale = multiply(fmt.scale.decode(codes), tensor_scale)[:, None]
    element = fmt.element.encode(divide(blocks, scale).astype(np.float64))
    decoded = multiply(fmt.element.decode(element), scale).astype(np.float64)
    total = np.zeros(len(blocks))
    with np.errstate(all="ignore"):
        for column in range(blocks.shape[1]):
            error = blocks[:, column] - decoded[:, column]
            total = total + error * error
    return total


def four_over_six_codes(fmt, blocks, amax, tensor_scale):
    six = mantissa_codes(fmt, amax, 6, tensor_scale)
    four = mantissa_codes(fmt, amax, 4, tensor_scale)
    error_six = squared_errors(fmt, blocks, six, tensor_scale)
    error_four = squared_errors(fmt, blocks, four, tensor_scale)
    return np.where(error_four < error_six, four, six)


def search_codes(fmt, blocks, amax, tensor_scale):
    if fmt.power_of_two:
        middle = floor_codes(fmt, amax)
        first, last = np.maximum(middle - 1, 0), np.minimum(middle + 1, 254)
    else:
        middle = mantissa_codes(fmt, amax, fmt.element.largest, tensor_scale)
        first = np.maximum(middle - 2, 1)
        last = np.minimum(middle + 6, len(fmt.scale.magnitudes) - 1)
    best = first
    best_error = squared_errors(fmt, blocks, best, tensor_scale)
    for step in range(1, 9):
        code = np.minimum(first + step, last)
        error = squared_errors(fmt, blocks, code, tensor_scale)
        better = error < best_error
        best, best_error = np.where(better, code, best), np.where(better, error, best_error)
    return best


def scale_codes(fmt, blocks, rule, tensor_scale):
    with np.errstate(invalid="ignore"):
        amax = np.max(np.abs(blocks), axis=1)
    finite = np.isfinite(amax)
    usable = finite & (amax > 0)
    safe = np.where(usable, amax, 1.0)
    safe_blocks = np.where(usable[:, None], blocks, 1.0)
    choose = {
        "floor": lambda: floor_codes(fmt, safe),
        "rceil": lambda: rceil_codes(fmt, safe),
        "even": lambda: even_codes(fmt, safe),
        "absmax": lambda: mantissa_codes(fmt, safe, fmt.element.largest, tensor_scale),
        "four_over_six": lambda: four_over_six_codes(fmt, safe_blocks, safe, tensor_scale),
        "search": lambda: search_codes(fmt, safe_blocks, safe, tensor_scale),
    }
    codes = choose[rule]()
    zero = 0 if fmt.power_of_two else fmt.scale.round_magnitude(np.array(1.0))
    codes = np.where(amax == 0, zero, codes)
    return np.where(finite, codes, fmt.scale.nan_code)


def quantize(fmt, x, rule, nan_policy="propagate", tensor_scale=None, random=None):
    """Element codes, scale codes and tensor scale of a float32 matrix."""
    if nan_policy == "saturate_inf":
        x = np.where(np.isinf(x), np.copysign(np.finfo(np.float32).max, x), x)
    if not fmt.has_tensor_scale:
        tensor_scale = np.float32(1)
    elif tensor_scale is None:
        tensor_scale = tensor_scale_of(fmt, x, rule)
    blocks = to_blocks(fmt, x.astype(np.float64))
    scales = scale_codes(fmt, blocks, rule, tensor_scale)
    divisor = multiply(fmt.scale.decode(scales), tensor_scale)[:, None]
    quotient = divide(blocks, divisor).astype(np.float64)
    quotient = np.where(np.isnan(quotient), 0.0, quotient)
    if random is None:
        codes = fmt.element.encode(quotient)
    else:
        codes = fmt.element.encode_stochastic(quotient, to_blocks(fmt, random))
    scale_shape = (x.shape[0] // fmt.rows, x.shape[1] // fmt.cols)
    codes = from_blocks(fmt, codes, x.shape)
    return codes.astype(np.uint8), scales.astype(np.uint8).reshape(scale_shape), tensor_scale


def dequantize(fmt, codes, scales, tensor_scale=1.0):
    """The float32 values of a microscaled matrix."""
    scale = multiply(fmt.scale.decode(scales.reshape(-1)), tensor_scale)[:, None]
    return from_blocks(fmt, multiply(fmt.element.decode(to_blocks(fmt, codes)), scale), codes.shape)


@functools.lru_cache
def hadamard_matrix(order):
    if order == 1:
        return np.ones((1, 1))
    half = hadamard_matrix(order // 2)
    return np.block([[half, half], [half, -half]])


def hadamard(x, block, signs=None, inverse=False):
    """The transform in float64, by the matrix; exact up to the last division."""
    matrix = hadamard_matrix(block)
    if signs is not None:
        matrix = np.diag(signs) @ matrix
    if inverse:
        matrix = matrix.T
    return (x.astype(np.float64).reshape(-1, block) @ matrix / math.sqrt(block)).reshape(x.shape)


def activate(x, activation):
    if activation == "relu":
        return np.maximum(x, 0)
    if activation == "gelu":
        return x / 2 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
    if activation == "gelu_tanh":
        return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    if activation == "silu":
        return x / (1 + np.exp(-x))
    return x


def matmul(lhs, rhs, bias=None, activation="none"):
    """On decoded float64 matrices."""
    result = lhs.astype(np.float64) @ rhs.astype(np.float64).T
    return activate(result if bias is None else result + bias, activation)
