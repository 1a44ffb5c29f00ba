"""Random FP4 weights and activations on the GPU: as matrices and as kernels read them.

The order of the bytes is that of include/fp4/Numerics/Fragments.h, written once
more in torch, so that a mistake of the compiler's packing would be seen.
"""

import torch

E2M1 = torch.tensor([0, .5, 1, 1.5, 2, 3, 4, 6, 0, -.5, -1, -1.5, -2, -3, -4, -6])


class Activations:
    """M x K activations of a format of compile.py, behind the dash: bf16, e4m3, nvfp4 or mxfp4. With `exact`, small
    integers."""

    def __init__(self, fmt, m, k, exact=False):
        self.kind = fmt.partition("-")[2]
        if self.kind in ("", "e4m3"):
            # Sums of 8-bit products keep fewer bits.
            largest = 1 if self.kind == "e4m3" else 2
            values = torch.randint(-largest, largest + 1, (m, k), device="cuda").float() if exact else torch.randn(m, k, device="cuda")
            self.values = values.to(torch.float8_e4m3fn if self.kind == "e4m3" else torch.bfloat16)
            return
        self.block = 16 if self.kind == "nvfp4" else 32
        self.codes = torch.randint(0, 16, (m, k), device="cuda", dtype=torch.uint8)
        if exact:
            self.codes = self.codes & 10  # 0, 1, -0 and -1
        shape = (m, k // self.block)
        exponent = torch.zeros(shape, device="cuda", dtype=torch.int32) if exact else torch.randint(-3, 4, shape, device="cuda", dtype=torch.int32)
        self.scale = torch.exp2(exponent.float())
        self.bytes = (exponent + 127).to(torch.uint8) if self.kind == "mxfp4" else self.scale.to(torch.float8_e4m3fn).view(torch.uint8)

    def dense(self):
        """In float64, without a tensor scale."""
        if self.kind in ("", "e4m3"):
            return self.values.double()
        return (E2M1.cuda()[self.codes.long()] * self.scale.repeat_interleave(self.block, 1)).double()

    def arrays(self):
        """By the names that kernels have for them (docs/Manifest.md)."""
        if self.kind in ("", "e4m3"):
            return {"lhs": self.values}
        arrays = {"elements": self.codes[:, 0::2] | self.codes[:, 1::2] << 4, "scales": self._tile()}
        if self.kind == "nvfp4":
            arrays["lhs_tensor_scale"] = torch.ones((), device="cuda")
        return arrays

    def _tile(self):
        """Scales in the 128x4 order."""
        rows, blocks = self.bytes.shape
        padded = torch.zeros(-(-rows // 128) * 128, -(-blocks // 4) * 4, device="cuda", dtype=torch.uint8)
        padded[:rows, :blocks] = self.bytes
        return padded.view(-1, 4, 32, padded.shape[1] // 4, 4).permute(0, 3, 2, 1, 4).contiguous()


class Weights:
    """N x K codes and scales. With `exact`, sums of up to 2^14 products with small
    integers are exact in float32. Format mxfp4-e4m3 is mxfp4 with its scales folded
    for f8E4M3FN activations."""

    def __init__(self, fmt, n, k, exact=False):
        self.is_folded = fmt == "mxfp4-e4m3"
        self.fmt, self.n, self.k = fmt.partition("-")[0], n, k
        fmt = self.fmt
        self.block = 16 if fmt == "nvfp4" else 32
        self.codes = torch.randint(0, 16, (n, k), device="cuda", dtype=torch.uint8)
        shape = (n, k // self.block)
        if exact:
            self.exponent = torch.randint(0 if self.is_folded else -1, 2, shape, device="cuda", dtype=torch.int32)
            self.scale = torch.exp2(self.exponent.float())
        elif fmt == "nvfp4":
            scale = torch.exp2(torch.rand(shape, device="cuda") * 16.5 - 8.5)
            scale[torch.rand(shape, device="cuda") < 0.01] = 0
            self.scale = scale.to(torch.float8_e4m3fn).float()
        else:
            self.exponent = torch.randint(-12, 0 if self.is_folded else 12, shape, device="cuda", dtype=torch.int32)
            self.scale = torch.exp2(self.exponent.float())

    def rows(self, first, end):
        return E2M1.cuda()[self.codes[first:end].long()] * self.scale[first:end].repeat_interleave(self.block, 1)

    def dense(self, dtype):
        return torch.cat([self.rows(a, min(a + 4096, self.n)).to(dtype) for a in range(0, self.n, 4096)])

    def pack(self):
        """(fragments, factor), without a tensor scale; N and K multiples of 64, K of 128 if folded."""
        if self.is_folded:
            factor = torch.exp2(self.exponent.amin(1).float() + 5)
            return torch.cat([self._fold(a, min(a + 4096, self.n)) for a in range(0, self.n, 4096)]), factor
        largest = 0
        if self.fmt == "mxfp4":
            largest = int(self.exponent.max())
        factor = torch.tensor(256.0 if self.fmt == "nvfp4" else 2.0**largest, device="cuda")
        parts = [self._pack(a, min(a + 4096, self.n), largest) for a in range(0, self.n, 4096)]
        return torch.cat(parts), factor

    def _fold(self, first, end):
        """As include/fp4/Numerics/FoldedFragments.h; blocks of zeros count as others do."""
        rows, units = (end - first) // 64, self.k // 128
        # [row unit, tile, row half, g, unit, half, step, second, t, place] -> [.., g, t, step, row half, second, place]
        codes = self.codes[first:end].to(torch.int32).view(rows, 4, 2, 8, units, 2, 2, 2, 4, 4)
        codes = codes.permute(0, 4, 1, 5, 3, 8, 6, 2, 7, 9)
        words = torch.zeros(codes.shape[:8], dtype=torch.int64, device="cuda")
        for second in range(2):
            for place in range(4):
                code = codes[..., second, place].to(torch.int64)
                words |= (code & 7) << 4 * (place + 4 * second) | (code >> 3) << 4 * (2 * place + 1 - second) + 3
        data = torch.stack([words >> 8 * i & 255 for i in range(4)], -1).to(torch.uint8).reshape(rows, units, 4096)
        step = self.exponent[first:end] - self.exponent[first:end].amin(1, keepdim=True)
        steps = step.view(rows, 4, 2, 8, units, 4).permute(0, 4, 1, 3, 2, 5).to(torch.uint8).reshape(rows, units, 256)
        return torch.cat([data, steps], 2)

    def _pack(self, first, end, largest):
        rows, units = (end - first) // 64, self.k // 64
        codes = self.codes[first:end].to(torch.int32)
        if self.fmt == "nvfp4":
            zero = self.scale[first:end].repeat_interleave(16, 1) == 0
            codes = torch.where(zero, torch.zeros_like(codes), codes)
        # [row unit, tile, row half, g, unit, step, k half, t, odd] -> [.., g, t, step, register, odd]
        codes = codes.view(rows, 4, 2, 8, units, 4, 2, 4, 2).permute(0, 4, 1, 3, 7, 5, 6, 2, 8)
        codes = codes.reshape(rows, units, 4, 32, 4, 4, 2)
        s, m = codes >> 3, codes & 7
        half = ((s[..., 0, :] << 15 | m[..., 0, :] << 6) | (s[..., 1, :] << 12 | m[..., 1, :] << 3)
                | (s[..., 2, :] << 9 | m[..., 2, :])
                | (s[..., 3, :] << 14 | (m[..., 3, :] & 1) << 11 | (m[..., 3, :] >> 1 & 1) << 10
                   | ((m[..., 3, :] >> 2 ^ m[..., 3, :]) & 1) << 13))
        words = half[..., 0] | half[..., 1] << 16
        data = words.contiguous().view(torch.uint8).reshape(rows, units, 2048)
        if self.fmt == "nvfp4":
            value = self.scale[first:end]
            mantissa, exponent = torch.frexp(torch.where(value == 0, torch.ones_like(value), value))
            byte = ((exponent + 20) << 3) | ((mantissa * 2 - 1) * 8).round().to(torch.int32)
            scales = byte.view(rows, 4, 2, 8, units, 4).permute(0, 4, 1, 3, 5, 2).to(torch.uint8).reshape(rows, units, 256)
        else:
            byte = self.exponent[first:end] - largest + 253
            scales = byte.view(rows, 4, 2, 8, units, 2).permute(0, 4, 1, 3, 5, 2).to(torch.uint8).reshape(rows, units, 128)
        return torch.cat([data, scales], 2)
