"""Microscaled formats on numpy arrays.

A quantized array has a code per element, a scale per block and, in formats such
as NVFP4, one scale for the whole tensor::

    value = element(code) * (scale(block) * tensor_scale)

Blocks run along the last dimension. Inputs of any float type are converted to
float32 first; results are float32. Bad arguments raise ``ValueError``.
"""

from __future__ import annotations

import ctypes as c
from dataclasses import dataclass
from typing import Optional, Union

import numpy as np
import numpy.typing as npt

from fp4._library import (
    CBlockFormat,
    CQuantizeOptions,
    Text,
    address,
    contiguous,
    library,
)

__all__ = [
    "ELEMENT_FORMATS",
    "FORMATS",
    "SCALE_FORMATS",
    "SCALE_RULES",
    "BlockFormat",
    "Quantized",
    "decode_bf16",
    "decode_elements",
    "decode_scales",
    "dequantize",
    "encode_bf16",
    "encode_elements",
    "encode_scales",
    "hadamard",
    "pack",
    "quantize",
    "swizzle_scales",
    "tensor_scale",
    "unpack",
    "unswizzle_scales",
]

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint8]

#: The formats that have a name.
FORMATS = (
    "nvfp4",
    "mxfp4",
    "mxfp6e2m3",
    "mxfp6e3m2",
    "mxfp8e4m3",
    "mxfp8e5m2",
    "mxint8",
)
ELEMENT_FORMATS = ("E2M1", "E2M3", "E3M2", "E4M3", "E5M2", "MXINT8")
SCALE_FORMATS = ("E8M0", "UE4M3", "UE5M3FNU", "UE5M3GC")
SCALE_RULES = ("floor", "rceil", "even", "absmax", "four_over_six", "search")
_NAN_POLICIES = ("propagate", "saturate_inf")
_ROUNDINGS = ("nearest_even", "toward_zero", "toward_positive")


def _checked(ok: bool, error: Text) -> None:
    """Raises ``ValueError`` with the library's text unless ``ok``."""
    message = error.take()
    if not ok:
        raise ValueError(message)


def _parse(function: str, name: str) -> int:
    value = c.c_int()
    error = Text()
    ok = getattr(library(), function)(name.encode(), c.byref(value), error.argument)
    _checked(ok, error)
    return value.value


def _index(kind: str, known: tuple[str, ...], name: str) -> int:
    if name not in known:
        raise ValueError(f"unknown {kind} {name!r}, expected one of {', '.join(known)}")
    return known.index(name)


def _element(name: str) -> int:
    return _parse("fp4ElementFormatParse", name)


def _scale(name: str) -> int:
    return _parse("fp4ScaleFormatParse", name)


# ===----------------------------------------------------------------------=== #
# Formats
# ===----------------------------------------------------------------------=== #


@dataclass(frozen=True)
class BlockFormat:
    """Element format, scale format, block shape, and whether there is a tensor scale.

    ``block_cols`` is a power of two in 4..1024, ``block_rows`` one in 1..1024;
    others raise ``ValueError``.

    >>> BlockFormat("E2M1", "UE4M3", block_cols=16, tensor_scale=True).name
    'nvfp4'
    >>> BlockFormat.named("mxfp4")
    BlockFormat(element='E2M1', scale='E8M0', block_cols=32, block_rows=1,
        tensor_scale=False)
    """

    element: str
    scale: str
    block_cols: int
    block_rows: int = 1
    tensor_scale: bool = False

    def __post_init__(self) -> None:
        for extent in (self.block_rows, self.block_cols):
            if not 0 <= extent < 2**32:
                raise ValueError(f"expected a block size in 1..1024, got {extent}")
        error = Text()
        ok = library().fp4BlockFormatVerify(c.byref(self._c()), error.argument)
        _checked(ok, error)

    @staticmethod
    def named(name: str) -> BlockFormat:
        """The format called ``name``, one of ``FORMATS``."""
        parsed = CBlockFormat()
        error = Text()
        ok = library().fp4BlockFormatParse(
            name.encode(), c.byref(parsed), error.argument
        )
        _checked(ok, error)
        return BlockFormat(
            element=library().fp4ElementFormatGetName(parsed.element).decode(),
            scale=library().fp4ScaleFormatGetName(parsed.scale).decode(),
            block_cols=parsed.block_cols,
            block_rows=parsed.block_rows,
            tensor_scale=parsed.has_tensor_scale,
        )

    @property
    def name(self) -> Optional[str]:
        """The name of the format, or None if it has none."""
        name: Optional[bytes] = library().fp4BlockFormatGetName(c.byref(self._c()))
        return name.decode() if name is not None else None

    @property
    def element_bits(self) -> int:
        """Width of a code: 4, 6 or 8 bits."""
        return int(library().fp4ElementFormatGetBits(_element(self.element)))

    @property
    def bits_per_element(self) -> float:
        """Storage in bits per element with the block scales.

        >>> BlockFormat.named("nvfp4").bits_per_element
        4.5
        """
        return float(library().fp4BlockFormatGetBitsPerElement(c.byref(self._c())))

    @property
    def default_scale_rule(self) -> str:
        """The scale rule of the format's specification."""
        rule = library().fp4BlockFormatGetDefaultScaleRule(c.byref(self._c()))
        return str(library().fp4ScaleRuleGetName(rule).decode())

    def scales_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the scales of an array of ``shape``.

        Raises ``ValueError`` if the block does not divide the shape.

        >>> BlockFormat.named("mxfp4").scales_shape((8, 64))
        (8, 2)
        """
        needed = 1 if self.block_rows == 1 else 2
        if len(shape) < needed:
            raise ValueError(
                f"expected an array of at least {needed} dimensions, got {len(shape)}"
            )
        if shape[-1] % self.block_cols != 0:
            raise ValueError(
                "expected the last dimension to be a multiple of the block size "
                f"{self.block_cols}, got {shape[-1]}"
            )
        cols = shape[-1] // self.block_cols
        if self.block_rows == 1:
            return (*shape[:-1], cols)
        if shape[-2] % self.block_rows != 0:
            raise ValueError(
                "expected the dimension before the last to be a multiple of the "
                f"block size {self.block_rows}, got {shape[-2]}"
            )
        return (*shape[:-2], shape[-2] // self.block_rows, cols)

    def _c(self) -> CBlockFormat:
        return CBlockFormat(
            _element(self.element),
            _scale(self.scale),
            self.block_rows,
            self.block_cols,
            self.tensor_scale,
        )


FormatLike = Union[str, BlockFormat]


def _format(format: FormatLike) -> BlockFormat:
    return BlockFormat.named(format) if isinstance(format, str) else format


def _matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows (all leading dimensions together) and columns."""
    rows = 1
    for extent in shape[:-1]:
        rows *= extent
    return rows, shape[-1]


# ===----------------------------------------------------------------------=== #
# Blocks
# ===----------------------------------------------------------------------=== #


@dataclass(frozen=True)
class Quantized:
    """A quantized array.

    ``codes``: uint8, the shape of the array, one code per element, right-aligned.
    ``scales``: uint8, the array's shape with the last dimension divided by the
    block's columns (and the one before it by the block's rows).
    ``tensor_scale``: 1.0 in formats without one.
    """

    format: BlockFormat
    codes: Codes
    scales: Codes
    tensor_scale: float

    def dequantize(self) -> Floats:
        """The values as float32, in the shape of ``codes``."""
        return dequantize(self)

    def packed(self) -> Codes:
        """The codes packed to bits; see ``pack``."""
        return pack(self.codes, self.format.element)

    @property
    def nbytes(self) -> int:
        """Bytes of the packed codes and the scales."""
        bits = self.codes.size * self.format.element_bits
        return bits // 8 + self.scales.nbytes


def tensor_scale(
    values: npt.ArrayLike,
    format: FormatLike = "nvfp4",
    *,
    scale_rule: Optional[str] = None,
) -> float:
    """The tensor scale that ``quantize`` would compute; 1.0 in formats without one.

    Use it to share one tensor scale among arrays: pass the largest.

    >>> tensor_scale(np.array([2688.0, -1.0]))   # 2688 = 6 * 448
    1.0
    """
    fmt = _format(format)
    data = contiguous(values, np.float32)
    rule = _parse("fp4ScaleRuleParse", scale_rule or fmt.default_scale_rule)
    amax = library().fp4AbsMax(address(data), data.size)
    return float(library().fp4TensorScale(c.byref(fmt._c()), amax, rule))


def quantize(
    values: npt.ArrayLike,
    format: FormatLike = "nvfp4",
    *,
    scale_rule: Optional[str] = None,
    nan_policy: str = "propagate",
    tensor_scale: Optional[float] = None,
    random: Optional[npt.NDArray[np.uint32]] = None,
) -> Quantized:
    """Quantizes an array of at least one dimension.

    ``scale_rule``: one of ``SCALE_RULES``; the format's own by default.
    ``nan_policy``: "propagate" gives blocks with a NaN or an infinity the NaN
    scale; "saturate_inf" counts an infinity as the largest float.
    ``tensor_scale``: computed from the array by default; positive and finite.
    ``random``: uint32 words in the shape of ``values`` for stochastic rounding;
    without it elements round to nearest, ties to the even code.

    Raises ``ValueError`` if the block does not divide the array, or the rule does
    not suit the format.

    >>> x = np.array([[0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0, 7.0] * 4])
    >>> q = quantize(x, "mxfp4")
    >>> q.scales, q.codes[0, :8]
    (array([[127]], dtype=uint8), array([0, 2, 2, 4, 4, 6, 6, 7], dtype=uint8))
    """
    fmt = _format(format)
    data = contiguous(values, np.float32)
    codes = np.empty(data.shape, np.uint8)
    scales = np.empty(fmt.scales_shape(np.shape(values)), np.uint8)
    words = None
    if random is not None:
        words = contiguous(random, np.uint32)
        if words.shape != data.shape:
            raise ValueError(
                f"expected random words of shape {data.shape}, got {words.shape}"
            )
    rule = scale_rule or fmt.default_scale_rule
    if tensor_scale is None:
        amax = library().fp4AbsMax(address(data), data.size)
        tensor_scale = library().fp4TensorScale(
            c.byref(fmt._c()), amax, _parse("fp4ScaleRuleParse", rule)
        )
        # Values that are not finite have no tensor scale; their blocks get the
        # NaN scale, or saturate, whatever the others use.
        if not np.isfinite(tensor_scale):
            tensor_scale = _finite_tensor_scale(fmt, data, rule)
    elif not fmt.tensor_scale:
        raise ValueError("this format has no tensor scale")
    options = CQuantizeOptions(
        _parse("fp4ScaleRuleParse", rule),
        _index("NaN policy", _NAN_POLICIES, nan_policy),
        address(words),
    )
    error = Text()
    rows, cols = _matrix(data.shape)
    ok = library().fp4Quantize(
        c.byref(fmt._c()),
        c.byref(options),
        address(data),
        rows,
        cols,
        tensor_scale,
        address(codes),
        address(scales),
        error.argument,
    )
    _checked(ok, error)
    return Quantized(fmt, codes, scales, float(tensor_scale))


def _finite_tensor_scale(fmt: BlockFormat, data: Floats, rule: str) -> float:
    finite = np.where(np.isfinite(data), data, np.float32(0))
    return tensor_scale(finite, fmt, scale_rule=rule)


def dequantize(quantized: Quantized) -> Floats:
    """The values of a quantized array as float32.

    >>> x = np.array([[0.5, -6.0, 3.0, 100.0] * 8])
    >>> dequantize(quantize(x, "mxfp8e5m2"))[0, :4]
    array([  0.5,  -6. ,   3. ,  96. ], dtype=float32)
    """
    fmt = quantized.format
    codes = contiguous(quantized.codes, np.uint8)
    scales = contiguous(quantized.scales, np.uint8)
    expected = fmt.scales_shape(codes.shape)
    if scales.shape != expected:
        raise ValueError(f"expected scales of shape {expected}, got {scales.shape}")
    values = np.empty(codes.shape, np.float32)
    error = Text()
    rows, cols = _matrix(codes.shape)
    ok = library().fp4Dequantize(
        c.byref(fmt._c()),
        address(codes),
        address(scales),
        rows,
        cols,
        quantized.tensor_scale,
        address(values),
        error.argument,
    )
    _checked(ok, error)
    return values


# ===----------------------------------------------------------------------=== #
# Single codes
# ===----------------------------------------------------------------------=== #


def encode_elements(
    values: npt.ArrayLike,
    element: str,
    *,
    random: Optional[npt.NDArray[np.uint32]] = None,
) -> Codes:
    """Rounds each value to a code of ``element`` (one of ``ELEMENT_FORMATS``).

    Saturates; rounds to nearest even, or stochastically with ``random`` words.

    >>> encode_elements([0.5, -7.0, 2.5], "E2M1")
    array([ 1, 15,  4], dtype=uint8)
    """
    data = np.asarray(contiguous(values, np.float32)).reshape(np.shape(values))
    words = None if random is None else contiguous(random, np.uint32)
    if words is not None and words.size != data.size:
        raise ValueError(f"expected {data.size} random words, got {words.size}")
    codes = np.empty(data.shape, np.uint8)
    library().fp4EncodeElements(
        _element(element), address(data), data.size, address(words), address(codes)
    )
    return codes


def decode_elements(codes: npt.ArrayLike, element: str) -> Floats:
    """The values of element codes.

    >>> decode_elements(np.arange(8), "E2M1")
    array([0. , 0.5, 1. , 1.5, 2. , 3. , 4. , 6. ], dtype=float32)
    """
    data = contiguous(codes, np.uint8)
    values = np.empty(data.shape, np.float32)
    library().fp4DecodeElements(
        _element(element), address(data), data.size, address(values)
    )
    return values


def encode_scales(
    values: npt.ArrayLike, scale: str, *, rounding: str = "nearest_even"
) -> Codes:
    """Rounds each non-negative value to a code of ``scale`` (``SCALE_FORMATS``).

    ``rounding``: "nearest_even", "toward_zero" or "toward_positive".

    >>> encode_scales([1.0, 3.0], "E8M0", rounding="toward_positive")
    array([127, 129], dtype=uint8)
    """
    data = contiguous(values, np.float32)
    codes = np.empty(data.shape, np.uint8)
    mode = _index("rounding", _ROUNDINGS, rounding)
    library().fp4EncodeScales(
        _scale(scale), address(data), data.size, mode, address(codes)
    )
    return codes


def decode_scales(codes: npt.ArrayLike, scale: str) -> Floats:
    """The values of scale codes; NaN for a NaN code.

    >>> decode_scales([0x7E], "UE4M3")
    array([448.], dtype=float32)
    """
    data = contiguous(codes, np.uint8)
    values = np.empty(data.shape, np.float32)
    library().fp4DecodeScales(_scale(scale), address(data), data.size, address(values))
    return values


def encode_bf16(values: npt.ArrayLike) -> npt.NDArray[np.uint16]:
    """The bfloat16 bits of each value, rounded to nearest even.

    >>> [hex(bits) for bits in encode_bf16([1.0, -2.0])]
    ['0x3f80', '0xc000']
    """
    data = contiguous(values, np.float32)
    bits = np.empty(data.shape, np.uint16)
    library().fp4EncodeBF16(address(data), data.size, address(bits))
    return bits


def decode_bf16(bits: npt.NDArray[np.uint16]) -> Floats:
    """The values of bfloat16 bits, such as the data of a safetensors file.

    >>> decode_bf16(np.array([0x3F80], np.uint16))
    array([1.], dtype=float32)
    """
    data = contiguous(bits, np.uint16)
    values = np.empty(data.shape, np.float32)
    library().fp4DecodeBF16(address(data), data.size, address(values))
    return values


# ===----------------------------------------------------------------------=== #
# Rotations
# ===----------------------------------------------------------------------=== #


def hadamard(
    values: npt.ArrayLike,
    block: int,
    *,
    signs: Optional[npt.ArrayLike] = None,
    inverse: bool = False,
) -> Floats:
    """Multiplies every ``block`` values of the last dimension by H / sqrt(block).

    H is the Sylvester Hadamard matrix; ``block`` is a power of two in 2..1024
    that divides the last dimension. ``signs``: ``block`` values of 1 or -1 that
    multiply the values first (last with ``inverse``). Returns a new array.

    >>> hadamard([1.0, 2.0, 3.0, 4.0], 4)
    array([ 5., -1., -2.,  0.], dtype=float32)
    """
    result: Floats = np.array(values, np.float32, order="C")
    if block < 2:
        raise ValueError(f"expected a power of two in 2..1024 as block, got {block}")
    if result.ndim == 0 or result.shape[-1] % block != 0:
        raise ValueError(
            f"expected the last dimension to be a multiple of the block {block}, "
            f"got shape {result.shape}"
        )
    flips = None
    if signs is not None:
        flips = contiguous(signs, np.int8)
        if flips.shape != (block,):
            raise ValueError(f"expected {block} signs, got shape {flips.shape}")
    error = Text()
    ok = library().fp4Hadamard(
        address(result), result.size, block, address(flips), inverse, error.argument
    )
    _checked(ok, error)
    return result


# ===----------------------------------------------------------------------=== #
# Layouts
# ===----------------------------------------------------------------------=== #


def _row_bytes(element: int, cols: int) -> int:
    size = c.c_size_t()
    error = Text()
    ok = library().fp4PackedRowBytes(element, cols, c.byref(size), error.argument)
    _checked(ok, error)
    return size.value


def pack(codes: npt.ArrayLike, element: str) -> Codes:
    """Packs codes to bits along the last dimension, in bytes.

    Two 4-bit codes a byte with the even one in the low nibble, four 6-bit codes
    in three bytes, one 8-bit code a byte. Raises ``ValueError`` if a row does not
    end at a byte.

    >>> pack([[1, 2, 3, 4]], "E2M1")
    array([[33, 67]], dtype=uint8)
    """
    data = contiguous(codes, np.uint8)
    kind = _element(element)
    rows, cols = _matrix(data.shape)
    packed = np.empty((*data.shape[:-1], _row_bytes(kind, cols)), np.uint8)
    error = Text()
    ok = library().fp4PackCodes(
        kind, address(data), rows, cols, address(packed), error.argument
    )
    _checked(ok, error)
    return packed


def unpack(packed: npt.ArrayLike, element: str) -> Codes:
    """The inverse of ``pack``.

    >>> unpack([[33, 67]], "E2M1")
    array([[1, 2, 3, 4]], dtype=uint8)
    """
    data = contiguous(packed, np.uint8)
    kind = _element(element)
    rows, row_bytes = _matrix(data.shape)
    bits = int(library().fp4ElementFormatGetBits(kind))
    cols = row_bytes * 8 // bits
    if cols * bits != row_bytes * 8:
        raise ValueError(
            f"expected rows of whole {element} groups, got {row_bytes} bytes"
        )
    codes = np.empty((*data.shape[:-1], cols), np.uint8)
    error = Text()
    ok = library().fp4UnpackCodes(
        kind, address(data), rows, cols, address(codes), error.argument
    )
    _checked(ok, error)
    return codes


def swizzle_scales(scales: npt.ArrayLike) -> Codes:
    """A matrix of scales in the 128x4 tiles of the block-scaled tensor cores.

    Returns the bytes in memory order, rows padded to a multiple of 128 and columns
    to one of 4 with zeros.

    >>> swizzle_scales(np.ones((1, 1))).shape
    (512,)
    """
    data = contiguous(scales, np.uint8)
    if data.ndim != 2:
        raise ValueError(f"expected a matrix of scales, got shape {data.shape}")
    rows, columns = data.shape
    swizzled = np.empty(library().fp4ScaleBytes128x4(rows, columns), np.uint8)
    library().fp4SwizzleScales128x4(address(data), rows, columns, address(swizzled))
    return swizzled


def unswizzle_scales(swizzled: npt.ArrayLike, rows: int, columns: int) -> Codes:
    """The inverse of ``swizzle_scales`` for a rows x columns matrix.

    >>> unswizzle_scales(swizzle_scales([[1, 2], [3, 4]]), 2, 2)
    array([[1, 2], [3, 4]], dtype=uint8)
    """
    if rows < 0 or columns < 0:
        raise ValueError(f"expected a shape, got {rows} x {columns}")
    data = contiguous(swizzled, np.uint8)
    expected = library().fp4ScaleBytes128x4(rows, columns)
    if data.size != expected:
        raise ValueError(
            f"expected {expected} bytes for {rows} x {columns} scales, got {data.size}"
        )
    scales = np.empty((rows, columns), np.uint8)
    library().fp4UnswizzleScales128x4(address(data), rows, columns, address(scales))
    return scales
