#!/usr/bin/env python3
"""Builds, checks and times the Hopper design-study kernels in one call.

    python3 bench.py [--libs DIR] [--out results.json] [--suite NAME ...]

Needs nvcc (unless --libs holds built libraries), PyTorch and a Hopper GPU. Every
kernel is checked against a float32 product of the decoded weights (fresh inputs,
poisoned output) before it is timed. Times are CUDA-graph replays over a rotation
of weight copies larger than L2, median of several replays, in microseconds per
call; cuBLAS bf16 (torch.matmul) is timed the same way in the same run.
"""
import argparse, ctypes, json, os, statistics, subprocess, sys, time
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
FORMATS = ("NVFP4", "MXFP4", "MXFP4asE4M3")
E2M1 = torch.tensor([0, .5, 1, 1.5, 2, 3, 4, 6, 0, -.5, -1, -1.5, -2, -3, -4, -6])
SMS = torch.cuda.get_device_properties(0).multi_processor_count


SHOW = 2


def build(libs, sources, defines=()):
    """Compiles `sources` (name -> arguments) in parallel where not built yet."""
    os.makedirs(libs, exist_ok=True)
    jobs = []
    for name, arguments in sources.items():
        out = os.path.join(libs, name + ".so")
        if os.path.exists(out):
            try:
                ctypes.CDLL(out)
                continue
            except OSError:
                pass
        jobs.append((name, subprocess.Popen(
            ["nvcc", "-std=c++17", "-O3", "-gencode=arch=compute_90a,code=sm_90a", "-shared", "-Xcompiler", "-fPIC",
             "-o", out, *arguments, *defines], cwd=HERE)))
    for name, job in jobs:
        if job.wait():
            sys.exit(f"nvcc failed for {name}")


# --- Random weights and their prepacked form ---------------------------------


class Weights:
    """Random FP4 weights: codes, scales, and what they mean in float32."""

    def __init__(self, fmt, n, k, exact=False):
        dev = "cuda"
        self.fmt, self.n, self.k = fmt, n, k
        self.block = 16 if fmt == "NVFP4" else 32
        self.codes = torch.randint(0, 16, (n, k), device=dev, dtype=torch.uint8)
        shape = (n, k // self.block)
        if exact:
            self.exp = torch.randint(-1, 2, shape, device=dev, dtype=torch.int32)
            self.scale = torch.exp2(self.exp.float())
        elif fmt == "NVFP4":
            s = torch.exp2(torch.rand(shape, device=dev) * 16.5 - 8.5)
            s[torch.rand(shape, device=dev) < 0.01] = 0
            self.scale = s.to(torch.float8_e4m3fn).float()
        else:
            spread = 12 if fmt == "MXFP4asE4M3" else 24
            self.exp = torch.randint(-spread // 2, spread // 2, shape, device=dev, dtype=torch.int32)
            self.scale = torch.exp2(self.exp.float())

    def rows(self, a, b):
        v = E2M1.to("cuda")[self.codes[a:b].long()]
        return v * self.scale[a:b].repeat_interleave(self.block, 1)

    def dense(self, dtype):
        return torch.cat([self.rows(a, min(a + 4096, self.n)).to(dtype) for a in range(0, self.n, 4096)])

    def pack(self):
        """Returns (packed bytes, alpha, row scales or None)."""
        self.row_scale = None
        if self.fmt == "NVFP4":
            self.alpha = 256.0
        elif self.fmt == "MXFP4":
            self.max = int(self.exp.max())
            self.alpha = 2.0 ** self.max
        else:
            self.alpha = 1.0
            top = self.exp.amax(1)
            assert int((top - self.exp.amin(1)).max()) <= 11
            self.row_scale = torch.exp2((top - 6).float()).contiguous()
            self.kk = self.exp - top[:, None] + 11
        step = 4096
        return torch.cat([self._pack(a, min(a + step, self.n)) for a in range(0, self.n, step)])

    def _pack(self, a, b):
        blocks = (b - a) // 64
        c = self.codes[a:b].to(torch.int32)
        if self.fmt == "MXFP4asE4M3":
            return self._pack8(c, a, b, blocks)
        kt = self.k // 64
        if self.fmt == "NVFP4":
            c = torch.where(self.scale[a:b].repeat_interleave(16, 1) == 0, torch.zeros_like(c), c)
        # [b, w, row half, g, kt, j, k half, t, h] -> [b, kt, w, g, t, j, r, h]
        c = c.view(blocks, 4, 2, 8, kt, 4, 2, 4, 2).permute(0, 4, 1, 3, 7, 5, 6, 2, 8)
        c = c.reshape(blocks, kt, 4, 32, 4, 4, 2)
        s, m = c >> 3, c & 7
        half = ((s[..., 0, :] << 15 | m[..., 0, :] << 6) | (s[..., 1, :] << 12 | m[..., 1, :] << 3)
                | (s[..., 2, :] << 9 | m[..., 2, :])
                | (s[..., 3, :] << 14 | (m[..., 3, :] & 1) << 11 | (m[..., 3, :] >> 1 & 1) << 10
                   | ((m[..., 3, :] >> 2 ^ m[..., 3, :]) & 1) << 13))
        words = half[..., 0] | half[..., 1] << 16  # [b, kt, w, lane, j]
        weights = words.contiguous().view(torch.uint8).reshape(blocks, kt, 2048)
        if self.fmt == "NVFP4":
            v = self.scale[a:b]
            mant, e = torch.frexp(torch.where(v == 0, torch.ones_like(v), v))
            byte = ((e - 1 + 21) << 3) | ((mant * 2 - 1) * 8).round().to(torch.int32)
            # [b, w, half, g, kt, step] -> [b, kt, w, g, step, half]
            y = byte.view(blocks, 4, 2, 8, kt, 4).permute(0, 4, 1, 3, 5, 2).to(torch.uint8)
            scales = y.reshape(blocks, kt, 256)
        else:
            byte = self.exp[a:b] - self.max + 253
            y = byte.view(blocks, 4, 2, 8, kt, 2).permute(0, 4, 1, 3, 5, 2).to(torch.uint8)
            scales = y.reshape(blocks, kt, 128)
        return torch.cat([weights, scales], 2).reshape(-1)

    def _pack8(self, c, a, b, blocks):
        kt = self.k // 128
        # [b, w, half, g, kt, pair, odd, quad, t, i] -> [b, kt, w, pair, g, t, odd, half, quad, i]
        c = c.view(blocks, 4, 2, 8, kt, 2, 2, 2, 4, 4).permute(0, 4, 1, 5, 3, 8, 6, 2, 7, 9)
        s, m = c >> 3, c & 7
        word = torch.zeros(c.shape[:-2], dtype=torch.int32, device=c.device)
        for i in range(4):
            word |= m[..., 0, i] << 4 * i | m[..., 1, i] << 4 * i + 16 | s[..., 0, i] << 8 * i + 7 | s[..., 1, i] << 8 * i + 3
        weights = word.contiguous().view(torch.uint8).reshape(blocks, kt, 4096)
        y = self.kk[a:b].view(blocks, 4, 2, 8, kt, 4).permute(0, 4, 1, 3, 2, 5).to(torch.uint8)
        return torch.cat([weights, y.reshape(blocks, kt, 256)], 2).reshape(-1)


# --- Calling the kernels ------------------------------------------------------


class Args(ctypes.Structure):
    _fields_ = [("weights", ctypes.c_void_p), ("out", ctypes.c_void_p), ("rowScale", ctypes.c_void_p),
                ("tokenScale", ctypes.c_void_p), ("alpha", ctypes.c_float), ("m", ctypes.c_int), ("n", ctypes.c_int),
                ("k", ctypes.c_int), ("partials", ctypes.c_void_p), ("flags", ctypes.c_void_p),
                ("groupM", ctypes.c_int), ("pdl", ctypes.c_int), ("ks", ctypes.c_int), ("xm", ctypes.c_int), ("gs", ctypes.c_int), ("mul", ctypes.c_uint32 * 5)]


class Gemm:
    def __init__(self, libs, fmt):
        self.fmt, self.lib = fmt, ctypes.CDLL(os.path.join(libs, fmt + ".so"))
        text = ctypes.create_string_buffer(4096)
        self.lib.fp4Variants(text, 4096)
        keys = ("mt", "nwg", "stages", "dbl", "smem", "rows", "regs", "local")
        self.variants = [dict(zip(keys, map(int, line.split()))) for line in text.value.decode().splitlines()]
        self.partials = torch.empty(SMS * 2 * 4 * 64 * 256, device="cuda")
        self.flags = torch.zeros(SMS * 2 * 8, device="cuda", dtype=torch.int32)
        self.keep, self.capacity = [], {}

    def fits(self, variant, ks, xm):
        """How many clusters of ks * xm CTAs the device holds at once."""
        key = (variant, ks, xm)
        if key not in self.capacity:
            args = Args(ks=ks, xm=xm, gs=1)
            self.capacity[key] = self.lib.fp4Launch(variant, None, ctypes.byref(args), -1, None)
        return self.capacity[key]

    def grids(self, variant, m, n, k):
        """The (ks, xm + 100 * gs, grid) worth trying for a shape."""
        v = self.variants[variant]
        steps = k // (128 if self.fmt == "MXFP4asE4M3" else 64)
        for xm in (1, 2):
            if n % (v["rows"] * xm) or (xm == 2 and (v["nwg"] < 0 or v["mt"] < 16)):
                continue
            tiles = -(-m // v["mt"]) * (n // (v["rows"] * xm))
            for ks in (1, 2, 4, 8):
                if ks > steps or ks * xm > 8:
                    continue
                clusters = self.fits(variant, ks, xm)
                if clusters <= 0:
                    continue
                if v["nwg"] > 0 and ks > 1 and tiles > clusters:
                    continue
                if v["nwg"] > 0 and ks == 1:
                    for gs in (2, 3, 4, 6, 8):
                        if tiles * gs <= clusters and gs <= min(steps, v["mt"] // 8):
                            yield ks, xm + 100 * gs, tiles * gs * xm
                grid = clusters if v["nwg"] > 0 and ks == 1 else min(clusters, tiles)
                yield ks, xm, grid * ks * xm

    def prepare(self, variant, x, out, weights, packed, pdl=0, group_m=16, grid=SMS, ks=1, xm=1):
        v = self.variants[variant]
        gs, xm = max(1, xm // 100), xm % 100
        m, k = x.shape
        raw = ctypes.create_string_buffer(256)
        address = (ctypes.addressof(raw) + 63) & ~63
        rc = self.lib.fp4TensorMap(ctypes.c_void_p(address), ctypes.c_void_p(x.data_ptr()), ctypes.c_long(m),
                                   ctypes.c_long(k), x.element_size(), v["mt"] // xm, max(0, -v["nwg"]))
        assert rc == 0, f"tensor map: {rc}"
        args = Args(packed.data_ptr(), out.data_ptr(), weights.row_scale.data_ptr() if weights.row_scale is not None else None,
                    None, weights.alpha, m, weights.n, k, self.partials.data_ptr(), self.flags.data_ptr(), group_m, pdl, ks, xm, gs,
                    (ctypes.c_uint32 * 5)(8, 64, 69, *((16, 0x70007000) if self.fmt == "NVFP4" else (128, 0))))
        self.keep.append((raw, args))

        def launch():
            rc = self.lib.fp4Launch(variant, ctypes.c_void_p(address), ctypes.byref(args), grid,
                                    ctypes.c_void_p(torch.cuda.current_stream().cuda_stream))
            assert rc == 0, f"launch: {rc}"
        return launch


def timed(launches, budget_us=3000, replays=9, guess=None):
    """Median microseconds per call of the launches, replayed as one CUDA graph."""
    for f in launches[:2]:
        f()
    torch.cuda.synchronize()
    a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    a.record()
    for f in launches:
        f()
    b.record()
    torch.cuda.synchronize()
    repeat = max(1, min(20, int(budget_us / max(1.0, a.elapsed_time(b) * 1000))))
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(repeat):
            for f in launches:
                f()
    times = []
    graph.replay()
    for _ in range(replays):
        a.record()
        graph.replay()
        b.record()
        torch.cuda.synchronize()
        times.append(a.elapsed_time(b) * 1000 / (repeat * len(launches)))
    return statistics.median(times)


def activations(fmt, m, k, exact=False):
    x = torch.randint(-2, 3, (m, k), device="cuda").float() if exact else torch.randn(m, k, device="cuda")
    return x.to(torch.float8_e4m3fn if fmt == "MXFP4asE4M3" else torch.bfloat16)


def check(gemm, variant, n, k, m, exact, pdl=0, ks=1, xm=1, grid=SMS):
    """Relative error against float32 (0 means every bit equal when exact)."""
    w = Weights(gemm.fmt, n, k, exact)
    packed = w.pack()
    x = activations(gemm.fmt, m, k, exact)
    out = torch.full((m, n), float("nan"), device="cuda", dtype=torch.bfloat16)
    run = gemm.prepare(variant, x, out, w, packed, pdl, 16, grid, ks, xm)
    run()
    first = out.clone()
    out.fill_(float("nan"))
    run()
    torch.cuda.synchronize()
    ref = x.double() @ w.dense(torch.float64).T
    same = torch.equal(first, out)
    err = ((out.double() - ref).norm() / ref.norm()).item()
    if exact:
        return 0.0 if torch.equal(out, ref.to(torch.bfloat16)) and same else 1.0 + err
    return err if same else 100 + err


def copy_bandwidth():
    """TB/s, bytes read plus written: eager copy_ (the anchor) and an elementwise kernel, best of several."""
    a = torch.randn(1 << 30, device="cuda", dtype=torch.float32)
    b = torch.empty_like(a)
    s, e = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    best = []
    for f in (lambda: b.copy_(a), lambda: torch.add(a, 1, out=b)):
        times = []
        for _ in range(12):
            s.record()
            f()
            e.record()
            torch.cuda.synchronize()
            times.append(s.elapsed_time(e))
        best.append(2 * a.numel() * 4 / statistics.median(times[2:]) * 1e-9)
    print("copy, add TB/s", best)
    return best[0]


SHAPES = [(8192, 8192), (28672, 4096), (4096, 4096), (4096, 14336), (57344, 8192)]


def suite_check(gemms, results):
    for fmt, g in gemms.items():
        for i, v in enumerate(g.variants):
            errs = []
            for n, k, m in ((512, 512, v["mt"]), (1024, 2048, max(1, v["mt"] - 3)), (2560, 1024, v["mt"] * 2 + 1), (40960, 1024, v["mt"])):
                if v["nwg"] < 0:
                    m = min(m, v["mt"])
                for ks, xm, grid in g.grids(i, m, n, k):
                    errs += [check(g, i, n, k, m, True, 1, ks, xm, grid), check(g, i, n, k, m, False, 0, ks, xm, grid)]
            ok = all(e == 0 for e in errs[0::2]) and all(e < 4e-3 for e in errs[1::2])
            print(f"check {fmt} {v} {'ok' if ok else 'WRONG'} {len(errs)} {max(errs[0::2]):.2g} {max(errs[1::2]):.2g} "
                  f"capacity {[v for k, v in g.capacity.items() if k[0] == i]}", flush=True)
            v["ok"] = ok
            results["checks"].append(dict(format=fmt, **v, errors=errs))


def suits(v, m):
    """Whether a variant's M tile suits M."""
    if v["nwg"] < 0:
        return m <= v["mt"] < max(16, 2 * m)
    if m >= 128:
        return v["mt"] >= 128 and v["mt"] <= max(128, m)
    return m <= v["mt"] < max(16, 2 * m)


def suite_gemm(gemms, results, ms, shapes, pdls=(0, 1)):
    for n, k in shapes:
        dense = None
        base = {}
        copies = max(2, -(-300_000_000 // (n * k * 2)))
        for fmt, g in gemms.items():
            w = Weights(fmt, n, k)
            packed = w.pack()
            many = [packed] + [packed.clone() for _ in range(max(2, -(-300_000_000 // packed.numel())) - 1)]
            if dense is None:
                dense = [w.dense(torch.bfloat16)]
                dense += [dense[0].clone() for _ in range(copies - 1)]
            for m in ms:
                if m * n * k > 3e12:
                    continue
                x = activations(fmt, m, k)
                out = torch.full((m, n), float("nan"), device="cuda", dtype=torch.bfloat16)
                if m not in base:
                    xb = x.to(torch.bfloat16)
                    base[m] = timed([lambda d=d: torch.matmul(xb, d.T) for d in dense])
                    results["cublas"].append(dict(n=n, k=k, m=m, us=base[m]))
                rows = min(n, 4096)
                ref = x.float() @ w.rows(0, rows).T if m <= 512 else None
                found = []
                for i, v in enumerate(g.variants):
                    if not suits(v, m) or not v.get("ok", True):
                        continue
                    for ks, xm, grid in g.grids(i, m, n, k):
                        if grid < 0.6 * SMS and ks < 4:
                            continue
                        for pdl in pdls if m <= 64 else pdls[:1]:
                            out.fill_(float("nan"))
                            calls = [g.prepare(i, x, out, w, p, pdl, 16, grid, ks, xm) for p in many]
                            us = timed(calls)
                            err = ((out[:, :rows].float() - ref).norm() / ref.norm()).item() if ref is not None else float(out.isnan().any())
                            row = dict(format=fmt, n=n, k=k, m=m, **v, pdl=pdl, ks=ks, xm=xm, grid=grid, us=us, ratio=base[m] / us,
                                       error=err, tbs=packed.numel() / us * 1e-6, tflops=2e-6 * m * n * k / us)
                            results["gemm"].append(row)
                            found.append(row)
                for r in [r for pdl in pdls for r in sorted((r for r in found if r["pdl"] == pdl), key=lambda r: r["us"])[:SHOW]]:
                    print(f"{n}x{k} M={m:5} {fmt:12} mt={r['mt']:3} wg={r['nwg']:3} st={r['stages']:2} d={r['dbl']} ks={r['ks']} xm={r['xm']} "
                          f"grid={r['grid']:3} pdl={r['pdl']} {r['us']:8.2f} us cublas {base[m]:8.2f} ratio {r['ratio']:5.2f} "
                          f"{r['tbs']:5.2f} TB/s {r['tflops']:6.1f} TF err {r['error']:.1e}{'' if r['error'] < 4e-3 else ' WRONG'}", flush=True)
            del many, packed
        del dense
        torch.cuda.empty_cache()
        save(results)


def rotate_reference(x, h, mx):
    """The kernel's semantics in torch, in another order of loops; (codes, scales) as bytes."""
    c = {16: 0.25, 32: 0.17677669529663687, 128: 0.08838834764831845}[h]
    u = x.float().view(-1, h)
    s = 1
    while s < h:
        v = u.view(-1, h // (2 * s), 2, s)
        u = torch.stack((v[:, :, 0] + v[:, :, 1], v[:, :, 0] - v[:, :, 1]), 2).view(-1, h)
        s *= 2
    u = u.reshape(-1, 32 if mx else 16)
    amax = u.abs().amax(1, keepdim=True) * torch.tensor(c, device="cuda")
    if mx:
        e = ((amax.view(torch.int32) >> 23) - 2).clamp(min=0)
        scale, r = e.to(torch.uint8), torch.exp2(127.0 - e.double()).float() * torch.tensor(c, device="cuda")
    else:
        sf = (amax * torch.tensor(1 / 6, device="cuda")).clamp(max=448).to(torch.float8_e4m3fn)
        scale, f = sf.view(torch.uint8), sf.float()
        r = torch.where(f == 0, torch.zeros_like(f), (1 / f) * torch.tensor(c, device="cuda"))
    a = u.double().abs() * r.double()
    code = torch.zeros_like(a, dtype=torch.int32)
    for t, inclusive in ((.25, 0), (.75, 1), (1.25, 0), (1.75, 1), (2.5, 0), (3.5, 1), (5, 0)):
        code += (a >= t) if inclusive else (a > t)
    code |= (u.view(torch.int32) >> 28) & 8
    code = code.view(-1, 2).to(torch.uint8)
    return code[:, 0] | code[:, 1] << 4, scale.view(-1)


def suite_rotate(libs, results):
    lib = ctypes.CDLL(os.path.join(libs, "rotate_quantize.so"))
    n = 8192 * 8192
    xs = [torch.randn(n, device="cuda").to(torch.bfloat16) for _ in range(3)]
    xs[0][:4096] *= 1e-3
    xs[0][4096:8192] = 0
    for mx in (0, 1):
        for h in (16, 32, 128):
            outs = [(torch.full((n // 2,), 255, device="cuda", dtype=torch.uint8),
                     torch.full((n // (32 if mx else 16),), 255, device="cuda", dtype=torch.uint8)) for _ in xs]

            def call(i):
                rc = lib.rotateQuantizeLaunch(h, mx, ctypes.c_void_p(xs[i].data_ptr()), ctypes.c_void_p(outs[i][0].data_ptr()),
                                              ctypes.c_void_p(outs[i][1].data_ptr()), ctypes.c_long(n),
                                              ctypes.c_void_p(torch.cuda.current_stream().cuda_stream))
                assert rc == 0, rc
            us = timed([lambda i=i: call(i) for i in range(3)])
            ref = rotate_reference(xs[0], h, mx)
            wrong = [(o != r).sum().item() for o, r in zip(outs[0], ref)]
            tbs = (n * 2.5 + outs[0][1].numel()) / us * 1e-6
            results["rotate"].append(dict(format="MXFP4" if mx else "NVFP4", h=h, us=us, tbs=tbs, of_copy=tbs / results["copy_tbs"], wrong=wrong))
            print(f"rotate_quantize 8192x8192 {'MXFP4' if mx else 'NVFP4'} H={h:3} {us:7.2f} us {tbs:5.2f} TB/s "
                  f"{100 * tbs / results['copy_tbs']:5.1f} % of copy, wrong bytes {wrong}", flush=True)


def profile(gemms, text):
    """One launch for ncu: FORMAT,variant,N,K,M,ks,xm."""
    fmt, i, n, k, m, ks, xm = text.split(",")
    i, n, k, m, ks, xm = map(int, (i, n, k, m, ks, xm))
    g = gemms[fmt]
    w = Weights(fmt, n, k)
    packed = w.pack()
    x = activations(fmt, m, k)
    out = torch.empty((m, n), device="cuda", dtype=torch.bfloat16)
    grid = {(a, b): c for a, b, c in g.grids(i, m, n, k)}[ks, xm]
    run = g.prepare(i, x, out, w, packed, 0, 16, grid, ks, xm)
    run()
    torch.cuda.synchronize()
    print("profiled", g.variants[i], ks, xm, grid)


def save(results):
    with open(results["out"], "w") as f:
        json.dump(results, f)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--libs", default=os.path.join(HERE, "build"))
    p.add_argument("--out", default="results.json")
    p.add_argument("--formats", default="NVFP4,MXFP4,MXFP4asE4M3")
    p.add_argument("--ms", default="1,16,32,64,128,256")
    p.add_argument("--shapes", default=",".join(f"{n}x{k}" for n, k in SHAPES))
    p.add_argument("--suites", default="check,rotate,gemm")
    p.add_argument("--profile", help="FORMAT,variant,N,K,M,ks,xm;...: launch once each, for ncu")
    p.add_argument("--pdls", default="0,1")
    a = p.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    formats = a.formats.split(",")
    start = time.time()
    build(a.libs, {f: [f"-DFORMAT={f}", "fp4_gemm.cu"] + ([] if f == "MXFP4asE4M3" else ["-DDECODE"]) for f in formats}
          | {"rotate_quantize": ["rotate_quantize.cu"]})
    print(f"built in {time.time() - start:.1f} s")
    results = dict(out=a.out, device=torch.cuda.get_device_name(), sms=SMS, checks=[], cublas=[], gemm=[], rotate=[], copy_tbs=0 if a.profile else copy_bandwidth())
    print(f"copy {results['copy_tbs']:.2f} TB/s")
    gemms = {f: Gemm(a.libs, f) for f in formats}
    suites = a.suites.split(",")
    if a.profile:
        for text in a.profile.split(";"):
            profile(gemms, text)
        return
    if "check" in suites:
        suite_check(gemms, results)
    if "rotate" in suites:
        suite_rotate(a.libs, results)
    if "gemm" in suites:
        suite_gemm(gemms, results, [int(m) for m in a.ms.split(",")], [tuple(map(int, s.split("x"))) for s in a.shapes.split(",")],
                   [int(v) for v in a.pdls.split(",")])
    save(results)
    print(f"total {time.time() - start:.1f} s")


if __name__ == "__main__":
    main()
