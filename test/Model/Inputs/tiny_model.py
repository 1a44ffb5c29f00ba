#!/usr/bin/env python3
"""A decoder model of a few KB, its tokens, and what it predicts, in plain Python.

  tiny_model.py make DIR [--architecture Qwen3ForCausalLM] [--shards 2] [--tied]
                         [--layers 2] [--damage KIND]
  tiny_model.py perplexity DIR TOKENS LENGTH

`perplexity` computes in float64 and shares nothing with the compiler: it follows
the definitions of the model, loop by loop.
"""

import argparse
import json
import math
import pathlib
import random
import struct

HIDDEN, WIDE, HEADS, KEY_HEADS, SIZE, VOCABULARY = 32, 64, 2, 1, 16, 24


def bf16(value):
    """The bits of the nearest bfloat16."""
    bits = struct.unpack("<I", struct.pack("<f", value))[0]
    return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16


def from_bf16(bits):
    return struct.unpack("<f", struct.pack("<I", bits << 16))[0]


def shapes(architecture, layers, tied):
    result = {"model.embed_tokens.weight": [VOCABULARY, HIDDEN], "model.norm.weight": [HIDDEN]}
    if not tied:
        result["lm_head.weight"] = [VOCABULARY, HIDDEN]
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        attention = prefix + "self_attn."
        result |= {
            attention + "q_proj.weight": [HEADS * SIZE, HIDDEN],
            attention + "k_proj.weight": [KEY_HEADS * SIZE, HIDDEN],
            attention + "v_proj.weight": [KEY_HEADS * SIZE, HIDDEN],
            attention + "o_proj.weight": [HIDDEN, HEADS * SIZE],
            prefix + "mlp.gate_proj.weight": [WIDE, HIDDEN],
            prefix + "mlp.up_proj.weight": [WIDE, HIDDEN],
            prefix + "mlp.down_proj.weight": [HIDDEN, WIDE],
            prefix + "input_layernorm.weight": [HIDDEN],
            prefix + "post_attention_layernorm.weight": [HIDDEN],
        }
        if architecture.startswith("Qwen3"):
            result[attention + "q_norm.weight"] = [SIZE]
            result[attention + "k_norm.weight"] = [SIZE]
    return result


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, (shape, words) in tensors.items():
        raw = struct.pack(f"<{len(words)}H", *words)
        header[name] = {
            "dtype": "BF16",
            "shape": shape,
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def read_model(directory):
    tensors = {}
    for path in sorted(directory.glob("*.safetensors")):
        raw = path.read_bytes()
        size = struct.unpack("<Q", raw[:8])[0]
        for name, entry in json.loads(raw[8 : 8 + size]).items():
            begin, end = (8 + size + offset for offset in entry["data_offsets"])
            words = struct.unpack(f"<{(end - begin) // 2}H", raw[begin:end])
            tensors[name] = (entry["shape"], words)
    return tensors, json.loads((directory / "config.json").read_text())


def damage(kind, tensors, config):
    up = "model.layers.1.mlp.up_proj.weight"
    if kind == "missing":
        del tensors[up]
    elif kind == "shape":
        tensors[up] = ([HIDDEN, WIDE], tensors[up][1])
    elif kind == "nan":
        tensors[up] = (tensors[up][0], [0x7FC0, *tensors[up][1][1:]])
    elif kind == "architecture":
        config["architectures"] = ["GPT2LMHeadModel"]
    elif kind == "rope":
        config["rope_scaling"] = {"rope_type": "yarn", "factor": 2.0}
    elif kind == "bias":
        config["attention_bias"] = True
    elif kind == "heads":
        config["num_attention_heads"] = 3
        config["num_key_value_heads"] = 2
    elif kind == "epsilon":
        config["rms_norm_eps"] = "small"


def make(args):
    generator = random.Random(7)
    tensors = {}
    for name, shape in shapes(args.architecture, args.layers, args.tied).items():
        count = math.prod(shape)
        if len(shape) == 1:
            values = [1 + 0.2 * generator.gauss(0, 1) for _ in range(count)]
        else:
            values = [generator.gauss(0, 1) / math.sqrt(shape[1]) for _ in range(count)]
        tensors[name] = (shape, [bf16(value) for value in values])
    config = {
        "architectures": [args.architecture],
        "hidden_size": HIDDEN,
        "intermediate_size": WIDE,
        "num_hidden_layers": args.layers,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_HEADS,
        "head_dim": SIZE,
        "vocab_size": VOCABULARY,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "rope_theta": 100.0,
        "tie_word_embeddings": args.tied,
    }
    damage(args.damage, tensors, config)
    args.directory.mkdir(parents=True, exist_ok=True)
    (args.directory / "config.json").write_text(json.dumps(config))
    names = list(tensors)
    if args.shards == 1:
        write_safetensors(args.directory / "model.safetensors", tensors)
    else:
        weight_map = {}
        for shard in range(args.shards):
            file = f"model-{shard + 1:05}-of-{args.shards:05}.safetensors"
            part = names[shard :: args.shards]
            weight_map |= {name: file for name in part}
            write_safetensors(args.directory / file, {name: tensors[name] for name in part})
        index = {"metadata": {}, "weight_map": weight_map}
        (args.directory / "model.safetensors.index.json").write_text(json.dumps(index))
    if args.damage == "truncated":
        last = sorted(args.directory.glob("*.safetensors"))[-1]
        last.write_bytes(last.read_bytes()[:-10])
    for name, count in (("calibration", 256), ("validation", 64)):
        ids = [generator.randrange(VOCABULARY) for _ in range(count)]
        (args.directory / f"{name}.u16").write_bytes(struct.pack(f"<{count}H", *ids))


class Model:
    def __init__(self, directory):
        tensors, self.config = read_model(directory)
        self.tensors = {}
        for name, (shape, words) in tensors.items():
            values = [from_bf16(word) for word in words]
            if len(shape) == 2:
                values = [values[i : i + shape[1]] for i in range(0, len(values), shape[1])]
            self.tensors[name] = values

    def linear(self, name, x):
        return [sum(a * b for a, b in zip(row, x)) for row in self.tensors[name + ".weight"]]

    def norm(self, name, x):
        mean = sum(value * value for value in x) / len(x) + self.config["rms_norm_eps"]
        gain = self.tensors[name + ".weight"]
        return [value / math.sqrt(mean) * g for value, g in zip(x, gain)]

    def heads(self, layer, kind, x, position):
        """The heads of q or k of one token, normalized (Qwen3) and turned."""
        name = f"model.layers.{layer}.self_attn.{kind}"
        flat = self.linear(name + "_proj", x)
        result = []
        for start in range(0, len(flat), SIZE):
            head = flat[start : start + SIZE]
            if name + "_norm.weight" in self.tensors:
                head = self.norm(name + "_norm", head)
            half = SIZE // 2
            turned = [0.0] * SIZE
            for i in range(half):
                angle = position * self.config["rope_theta"] ** (-2 * i / SIZE)
                cosine, sine = math.cos(angle), math.sin(angle)
                turned[i] = head[i] * cosine - head[i + half] * sine
                turned[i + half] = head[i + half] * cosine + head[i] * sine
            result.append(turned)
        return result

    def attention(self, layer, sequence):
        prefix = f"model.layers.{layer}.self_attn."
        q = [self.heads(layer, "q", x, t) for t, x in enumerate(sequence)]
        k = [self.heads(layer, "k", x, t) for t, x in enumerate(sequence)]
        v = [self.linear(prefix + "v_proj", x) for x in sequence]
        output = []
        for t in range(len(sequence)):
            context = []
            for head in range(HEADS):
                shared = head // (HEADS // KEY_HEADS)
                scores = [
                    sum(a * b for a, b in zip(q[t][head], k[s][shared])) / math.sqrt(SIZE)
                    for s in range(t + 1)
                ]
                weights = [math.exp(score) for score in scores]
                for d in range(shared * SIZE, (shared + 1) * SIZE):
                    total = sum(w * v[s][d] for s, w in enumerate(weights))
                    context.append(total / sum(weights))
            output.append(self.linear(prefix + "o_proj", context))
        return output

    def feed_forward(self, layer, x):
        prefix = f"model.layers.{layer}.mlp."
        gate = self.linear(prefix + "gate_proj", x)
        up = self.linear(prefix + "up_proj", x)
        hidden = [g / (1 + math.exp(-g)) * u for g, u in zip(gate, up)]
        return self.linear(prefix + "down_proj", hidden)

    def surprise(self, ids, length):
        """The sum of -log p(next) over a sequence; `ids` has one more token than
        the model sees, except at the end of the stream."""
        states = [self.tensors["model.embed_tokens.weight"][token] for token in ids[:length]]
        for layer in range(self.config["num_hidden_layers"]):
            prefix = f"model.layers.{layer}."
            inputs = [self.norm(prefix + "input_layernorm", x) for x in states]
            branch = self.attention(layer, inputs)
            states = [[a + b for a, b in zip(x, y)] for x, y in zip(states, branch)]
            inputs = [self.norm(prefix + "post_attention_layernorm", x) for x in states]
            branch = [self.feed_forward(layer, x) for x in inputs]
            states = [[a + b for a, b in zip(x, y)] for x, y in zip(states, branch)]
        tied = self.config["tie_word_embeddings"]
        head = "model.embed_tokens" if tied else "lm_head"
        total = 0.0
        for x, target in zip(states, ids[1:]):
            logits = self.linear(head, self.norm("model.norm", x))
            total += math.log(sum(math.exp(value) for value in logits)) - logits[target]
        return total


def print_perplexity(model, tokens, length):
    raw = tokens.read_bytes()
    ids = struct.unpack(f"<{len(raw) // 2}H", raw)
    starts = range(0, len(ids) - length + 1, length)
    total = sum(model.surprise(ids[start : start + length + 1], length) for start in starts)
    count = min(len(starts) * length, len(ids) - 1)
    print(f"perplexity: {math.exp(total / count):.4f}")


def perplexity(args):
    print_perplexity(Model(args.directory), args.tokens, args.length)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True)
    maker = commands.add_parser("make")
    maker.add_argument("directory", type=pathlib.Path)
    maker.add_argument("--architecture", default="LlamaForCausalLM")
    maker.add_argument("--shards", type=int, default=1)
    maker.add_argument("--layers", type=int, default=2)
    maker.add_argument("--tied", action="store_true")
    maker.add_argument("--damage", default="")
    maker.set_defaults(run=make)
    reference = commands.add_parser("perplexity")
    reference.add_argument("directory", type=pathlib.Path)
    reference.add_argument("tokens", type=pathlib.Path)
    reference.add_argument("length", type=int)
    reference.set_defaults(run=perplexity)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
