"""Runs fp4.quantize in one format on corner cases and compares every code.

Usage: check_quantize.py FORMAT FOLDER

Writes FOLDER/quantize.mlir with one function for all rules, policies and
roundings of the format, runs it with fp4-run and checks its results against
microscaling.py. Elements of blocks with a NaN scale are unspecified.
"""

import itertools
import pathlib
import subprocess
import sys

import inputs
import microscaling
import numpy as np

TYPES = {
    "nvfp4-16x16": "#fp4.format<element = f4E2M1FN, scale = f8E4M3FN, block = 16x16, tensor_scale>",
    "ue5m3fnu": "#fp4.format<element = f4E2M1FN, scale = ue5m3fnu, block = 16>",
    "ue5m3gc": "#fp4.format<element = f4E2M1FN, scale = ue5m3gc, block = 16, tensor_scale>",
}


def legal_rules(fmt):
    if fmt.power_of_two:
        return ["floor", "rceil", "even", "search"]
    is_e2m1 = fmt.element is microscaling.ELEMENTS["f4E2M1FN"]
    return ["absmax", "search"] + (["four_over_six"] if is_e2m1 else [])


def cases_of(fmt):
    """(rule, nan policy, stochastic, tensor scale given)"""
    given = [False, True] if fmt.has_tensor_scale else [False]
    return list(itertools.product(
        legal_rules(fmt), ["propagate", "saturate_inf"], [False, True], given))


def program(name, fmt, cases):
    shape = "96x64"
    q = f"!fp4.tensor<{shape}, {TYPES.get(name, '#fp4.' + name)}>"
    body, values = [], []
    for number, (rule, policy, stochastic, given) in enumerate(cases):
        # A NaN would spoil a computed tensor scale: finite values there.
        x = "%finite" if fmt.has_tensor_scale and not given else "%special"
        body.append(
            f"  %q{number} = fp4.quantize {x}"
            + (" tensor_scale(%scale)" if given else "")
            + (f" random(%random : tensor<{shape}xi32>)" if stochastic else "")
            + f" {{scale_rule = #fp4.scale_rule<{rule}>, nan_policy = #fp4.nan_policy<{policy}>}}"
            + f" : tensor<{shape}xf32> -> {q}")
        values.append(f"%q{number}")
    types = ", ".join([q] * len(cases))
    return "\n".join([
        f"func.func @main(%finite: tensor<{shape}xf32>, %special: tensor<{shape}xf32>,",
        f"                %random: tensor<{shape}xi32>, %scale: f32) -> ({types}) {{",
        *body, f"  return {', '.join(values)} : {types}", "}", ""])


def compare(what, got, expected, ignore=None):
    got = got.view(np.uint8) if got.dtype == np.int8 else got
    differs = got != expected
    if ignore is not None:
        differs &= ~ignore
    if differs.any():
        where = tuple(np.argwhere(differs)[0])
        sys.exit(f"{what}: {differs.sum()} differ, first at {where}: "
                 f"expected {expected[where]}, got {got[where]}")


def main(name, folder):
    fmt = microscaling.FORMATS[name]
    cases = cases_of(fmt)
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "quantize.mlir").write_text(program(name, fmt, cases))
    finite = inputs.blocks(fmt)
    if fmt.has_tensor_scale:
        finite = inputs.moderate(finite)
    special = inputs.blocks(fmt, specials=True)
    words = inputs.random_words()
    scale = np.float32(0.0375)
    command = ["fp4-run", folder / "quantize.mlir"]
    for key, value in {"finite": finite, "special": special,
                       "random": words.view(np.int32), "scale": scale}.items():
        np.save(folder / f"{key}.npy", value)
        command += ["--input", f"{key}={folder}/{key}.npy"]
    parts = 3 if fmt.has_tensor_scale else 2
    results = [folder / f"r{i}.npy" for i in range(parts * len(cases))]
    for path in results:
        command += ["--output", path]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    for number, (rule, policy, stochastic, given) in enumerate(cases):
        got = [np.load(path) for path in results[parts * number : parts * (number + 1)]]
        is_computed = fmt.has_tensor_scale and not given
        codes, scales, tensor_scale = microscaling.quantize(
            fmt, finite if is_computed else special, rule, policy,
            scale if given else None, words if stochastic else None)
        what = f"{name} {rule} {policy}{' stochastic' if stochastic else ''}"
        what += ", given tensor scale" if given else ""
        compare(f"{what} scales", got[1], scales)
        is_nan = np.isnan(fmt.scale.decode(scales))
        unspecified = np.repeat(np.repeat(is_nan, fmt.rows, 0), fmt.cols, 1)
        compare(f"{what} elements", got[0], codes, unspecified)
        if fmt.has_tensor_scale:
            compare(f"{what} tensor scale", got[2], np.asarray(tensor_scale))
    print(f"{name}: {len(cases)} cases agree")


if __name__ == "__main__":
    main(*sys.argv[1:])
