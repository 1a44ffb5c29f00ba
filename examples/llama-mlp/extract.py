#!/usr/bin/env python3
"""Cuts one MLP block out of a Llama checkpoint, with real inputs for it.

Runs the model in float32 numpy over calibration and validation tokens and writes
two safetensors files next to this script (or to --out):

  weights.safetensors      gate_proj/up_proj/down_proj.weight, bf16, [out, in]
  activations.safetensors  calibration, held_out: float32 [tokens, hidden], the
                           block's inputs (after its RMSNorm), drawn from disjoint
                           token files

Usage: extract.py MODEL_DIR [--layer 3] [--calibration-tokens 1024] [--held-out-tokens 512]
MODEL_DIR is a Hugging Face directory of a LlamaForCausalLM with calib_tokens.u16
and val_tokens.u16 (little-endian uint16 token ids, sequences of 512).
Needs numpy, safetensors and ml_dtypes.
"""

import argparse
import json
import pathlib

import ml_dtypes  # noqa: F401  registers bfloat16 with numpy
import numpy as np
from safetensors.numpy import load_file, save_file

SEQUENCE = 512


def load_model(directory):
    index = json.loads((directory / "model.safetensors.index.json").read_text())
    tensors = {}
    for shard in sorted(set(index["weight_map"].values())):
        tensors.update(load_file(directory / shard))
    return tensors, json.loads((directory / "config.json").read_text())


def rms_norm(x, weight, epsilon):
    scale = 1.0 / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + epsilon)
    return x * scale * weight


def rotary(x, theta):
    """x: [heads, tokens, head_dim]; the "rotate half" convention of Llama."""
    tokens, dim = x.shape[1:]
    frequency = theta ** (-np.arange(0, dim, 2, dtype=np.float64) / dim)
    angle = np.outer(np.arange(tokens), frequency)
    cos = np.concatenate([np.cos(angle)] * 2, axis=-1).astype(np.float32)
    sin = np.concatenate([np.sin(angle)] * 2, axis=-1).astype(np.float32)
    low, high = np.split(x, 2, axis=-1)
    return x * cos + np.concatenate([-high, low], axis=-1) * sin


def attention(x, weights, config):
    heads, dim = config["num_attention_heads"], config["head_dim"]
    groups = heads // config["num_key_value_heads"]
    theta = config["rope_parameters"]["rope_theta"]

    def project(name):
        return (x @ weights[name].T).reshape(len(x), -1, dim).swapaxes(0, 1)

    q = rotary(project("q_proj"), theta)
    k = rotary(project("k_proj"), theta).repeat(groups, axis=0)
    v = project("v_proj").repeat(groups, axis=0)
    scores = q @ k.swapaxes(1, 2) / np.sqrt(np.float32(dim))
    scores = np.where(np.tri(len(x), dtype=bool), scores, -np.inf)
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    scores /= scores.sum(axis=-1, keepdims=True)
    return (scores @ v).swapaxes(0, 1).reshape(len(x), -1) @ weights["o_proj"].T


def mlp(x, weights):
    gate = x @ weights["gate_proj"].T
    return (gate / (1 + np.exp(-gate)) * (x @ weights["up_proj"].T)) @ weights[
        "down_proj"
    ].T


def mlp_inputs(tokens, model, config, layer):
    """The input of `layer`'s MLP for one sequence of token ids: [tokens, hidden]."""
    epsilon = config["rms_norm_eps"]
    x = model["model.embed_tokens.weight"][tokens].astype(np.float32)
    for index in range(layer + 1):
        prefix = f"model.layers.{index}."
        part = {
            name.split(".")[-2]: tensor.astype(np.float32)
            for name, tensor in model.items()
            if name.startswith(prefix)
        }
        x = x + attention(rms_norm(x, part["input_layernorm"], epsilon), part, config)
        hidden = rms_norm(x, part["post_attention_layernorm"], epsilon)
        if index == layer:
            return hidden
        x = x + mlp(hidden, part)


def collect(path, count, model, config, layer):
    """Inputs of `count` tokens, spread evenly over sequences of the token file."""
    sequences = np.fromfile(path, "<u2")
    sequences = sequences[: len(sequences) // SEQUENCE * SEQUENCE].reshape(-1, SEQUENCE)
    per_sequence = 64
    chosen = np.linspace(0, len(sequences) - 1, count // per_sequence).astype(int)
    rows = []
    for number in chosen:
        hidden = mlp_inputs(sequences[number], model, config, layer)
        rows.append(hidden[:: SEQUENCE // per_sequence][:per_sequence])
    return np.concatenate(rows).astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--layer", type=int, default=3)
    parser.add_argument("--calibration-tokens", type=int, default=1024)
    parser.add_argument("--held-out-tokens", type=int, default=512)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    args = parser.parse_args()

    model, config = load_model(args.model)
    prefix = f"model.layers.{args.layer}.mlp."
    names = ["gate_proj.weight", "up_proj.weight", "down_proj.weight"]
    save_file({n: model[prefix + n] for n in names}, args.out / "weights.safetensors")
    save_file(
        {
            "calibration": collect(
                args.model / "calib_tokens.u16", args.calibration_tokens, model, config, args.layer
            ),
            "held_out": collect(
                args.model / "val_tokens.u16", args.held_out_tokens, model, config, args.layer
            ),
        },
        args.out / "activations.safetensors",
    )


if __name__ == "__main__":
    main()
