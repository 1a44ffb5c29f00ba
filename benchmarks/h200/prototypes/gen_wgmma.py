#!/usr/bin/env python3
"""Writes wgmma.cuh: one wrapper per register-A wgmma shape the prototypes use.

    python3 gen_wgmma.py > wgmma.cuh
"""

SHAPES = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256)


def wrapper(name, n, k, types, transpose):
    regs = n // 2
    d = ", ".join(f"%{i}" for i in range(regs))
    a = ", ".join(f"%{regs + i}" for i in range(4))
    outs = ", ".join(f'"+f"(d[{i}])' for i in range(regs))
    return f"""template <> struct {name}<{n}> {{
  __device__ static void mma(float (&d)[{regs}], const uint32_t *a, uint64_t b, int accumulate) {{
    asm volatile(
        "{{\\n.reg .pred p;\\nsetp.ne.b32 p, %{regs + 5}, 0;\\n"
        "wgmma.mma_async.sync.aligned.m64n{n}k{k}.f32.{types} "
        "{{{d}}}, {{{a}}}, %{regs + 4}, p, 1, 1{transpose};\\n}}\\n"
        : {outs}
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(accumulate));
  }}
}};
"""


print("// Written by gen_wgmma.py: do not edit.")
print("// clang-format off")
print("#pragma once\n#include <cstdint>\n")
for name, k, types, transpose in (("WgmmaBF16", 16, "bf16.bf16", ", 0"),
                                  ("WgmmaE4M3", 32, "e4m3.e4m3", "")):
    print(f"template <int N> struct {name};")
    for n in SHAPES:
        print(wrapper(name, n, k, types, transpose))
