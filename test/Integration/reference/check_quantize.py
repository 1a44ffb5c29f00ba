"""Runs fp4.quantize in one format on corner cases and compares every code.

Usage: check_quantize.py FORMAT FOLDER

One function has all rules, policies and roundings of the format; its results
are checked against microscaling.py. Elements of blocks with a NaN scale are unspecified.
"""

import itertools
import sys

import host
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


def main(name, folder):
    fmt = microscaling.FORMATS[name]
    cases = cases_of(fmt)
    finite = inputs.blocks(fmt)
    if fmt.has_tensor_scale:
        finite = inputs.moderate(finite)
    special = inputs.blocks(fmt, specials=True)
    words = inputs.random_words()
    scale = np.float32(0.0375)
    parts = 3 if fmt.has_tensor_scale else 2
    results = host.run(
        folder, program(name, fmt, cases),
        {"finite": finite, "special": special, "random": words.view(np.int32), "scale": scale},
        parts * len(cases))

    for number, (rule, policy, stochastic, given) in enumerate(cases):
        got = results[parts * number : parts * (number + 1)]
        is_computed = fmt.has_tensor_scale and not given
        codes, scales, tensor_scale = microscaling.quantize(
            fmt, finite if is_computed else special, rule, policy,
            scale if given else None, words if stochastic else None)
        what = f"{name} {rule} {policy}{' stochastic' if stochastic else ''}"
        what += ", given tensor scale" if given else ""
        host.expect_same_codes(f"{what} scales", got[1], scales)
        is_nan = np.isnan(fmt.scale.decode(scales))
        unspecified = np.repeat(np.repeat(is_nan, fmt.rows, 0), fmt.cols, 1)
        host.expect_same_codes(f"{what} elements", got[0], codes, unspecified)
        if fmt.has_tensor_scale:
            host.expect_same_floats(f"{what} tensor scale", got[2], np.asarray(tensor_scale))
    print(f"{name}: {len(cases)} cases agree")


if __name__ == "__main__":
    main(*sys.argv[1:])
