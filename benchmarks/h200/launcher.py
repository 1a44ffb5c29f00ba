"""Launches the kernels of an fp4-compile artifact: PTX, manifest and the CUDA driver.

A runtime for measurements, without LLVM: docs/Manifest.md is all it knows. Arrays
are torch tensors.
"""

import ctypes
import json
import os
import struct

import torch

CUDA = ctypes.CDLL("libcuda.so.1")
TYPES = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32, "f8E4M3FN": torch.float8_e4m3fn}
DATA_TYPES = {"uint8": 0, "float16": 6, "bfloat16": 9}
SWIZZLES = {"none": 0, "32B": 1, "64B": 2, "128B": 3}
PROMOTIONS = {"none": 0, "64B": 1, "128B": 2, "256B": 3}
MAX_DYNAMIC_SHARED = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
PROGRAMMATIC_SERIALIZATION = 6  # CU_LAUNCH_ATTRIBUTE_...


class LaunchAttribute(ctypes.Structure):
    _fields_ = [("id", ctypes.c_int), ("pad", ctypes.c_int), ("value", ctypes.c_int * 16)]


class LaunchConfig(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint) for name in ("gx", "gy", "gz", "bx", "by", "bz", "shared")] + [
        ("stream", ctypes.c_void_p), ("attributes", ctypes.POINTER(LaunchAttribute)), ("count", ctypes.c_uint)]


def checked(result, what):
    if result:
        text = ctypes.c_char_p()
        CUDA.cuGetErrorString(result, ctypes.byref(text))
        raise RuntimeError(f"{what}: {text.value.decode() if text.value else result}")


def resolve(size, symbols):
    """A size of the manifest as a number."""
    if isinstance(size, str):
        return symbols[size]
    if isinstance(size, dict):
        return -(-resolve(size["size"], symbols) // size["tile"])
    return size


def encode_map(parameters, tensor, symbols):
    """A CUtensorMap in 64-byte aligned memory; returns (owner, address)."""
    raw = ctypes.create_string_buffer(256)
    address = (ctypes.addressof(raw) + 63) & ~63
    shape = [resolve(s, symbols) for s in parameters["shape"]]
    rank = len(shape)

    def u64(values):
        return (ctypes.c_uint64 * max(1, len(values)))(*values)

    def u32(values):
        return (ctypes.c_uint32 * len(values))(*values)

    checked(CUDA.cuTensorMapEncodeTiled(
        ctypes.c_void_p(address), DATA_TYPES[parameters["data_type"]], rank, ctypes.c_void_p(tensor.data_ptr()),
        u64(shape), u64(parameters["strides"]), u32(parameters["box"]), u32(parameters["element_strides"]), 0,
        SWIZZLES[parameters["swizzle"]], PROMOTIONS[parameters["l2_promotion"]], 0), "cuTensorMapEncodeTiled")
    return raw, address


def assembled(ptx):
    """Where the machine code of a PTX file is if it was assembled ahead; else the driver does it."""
    return ptx.removesuffix(".ptx") + ".cubin"


class Kernel:
    """One kernel of a loaded module."""

    def __init__(self, module, entry):
        self.entry, self.name = entry, entry["name"]
        self.function = ctypes.c_void_p()
        checked(CUDA.cuModuleGetFunction(ctypes.byref(self.function), module, self.name.encode()), self.name)
        checked(CUDA.cuFuncSetAttribute(self.function, MAX_DYNAMIC_SHARED, entry["dynamic_shared_memory"]), "shared")
        self.workspaces = {}
        self.sms = torch.cuda.get_device_properties(0).multi_processor_count

    def attribute(self, number):
        value = ctypes.c_int()
        checked(CUDA.cuFuncGetAttribute(ctypes.byref(value), number, self.function), "attribute")
        return value.value

    def registers(self):
        return self.attribute(4)

    def spills(self):
        return self.attribute(3)

    def grid(self, symbols):
        count = 1
        for size in self.entry["grid"]["x"]:
            count *= resolve(size, symbols)
        cluster = self.entry.get("cluster", [1])[0]
        resident = self.sms * self.entry.get("blocks_per_multiprocessor", 1)
        return min(count, resident // cluster * cluster)

    def make_workspace(self, symbols):
        """Zeros, which every launch leaves as it found them; launches one after another share it."""
        count = 1
        for size in self.entry["workspace"]:
            count *= resolve(size, symbols)
        if count not in self.workspaces:
            self.workspaces[count] = torch.zeros(count, device="cuda", dtype=torch.uint8)
        return self.workspaces[count]

    def prepare(self, arrays, symbols, overlap=False):
        """A function that launches the kernel on torch's current stream.

        `arrays` are tensors by argument name; `overlap` lets the kernel start
        before the previous one has ended (programmatic dependent launch)."""
        keep, pointers = [arrays], []
        for argument in self.entry["arguments"]:
            name = argument["name"]
            if argument["kind"] == "workspace":
                arrays = {**arrays, name: self.make_workspace(symbols)}
                keep.append(arrays)
            if argument["kind"] == "tensor_map":
                owner, address = encode_map(argument["tensor_map"], arrays[name], symbols)
                keep.append(owner)
                pointers.append(address)
                continue
            value = (ctypes.c_int32(symbols[name]) if argument["kind"] == "value"
                     else ctypes.c_uint64(arrays[name].data_ptr()))
            keep.append(value)
            pointers.append(ctypes.addressof(value))
        parameters = (ctypes.c_void_p * len(pointers))(*pointers)
        attribute = LaunchAttribute(id=PROGRAMMATIC_SERIALIZATION)
        attribute.value[0] = 1
        config = LaunchConfig(self.grid(symbols), 1, 1, *self.entry["block"], self.entry["dynamic_shared_memory"], None,
                              ctypes.pointer(attribute), 1 if overlap else 0)
        keep += [attribute, parameters]

        def launch():
            config.stream = torch.cuda.current_stream().cuda_stream
            checked(CUDA.cuLaunchKernelEx(ctypes.byref(config), self.function, parameters, None), self.name)

        launch.keep = keep
        return launch


def load(artifact):
    """The manifest of an artifact, and its kernels by name."""
    with open(os.path.join(artifact, "manifest.json")) as file:
        manifest = json.load(file)
    path = os.path.join(artifact, manifest["ptx"]["file"])
    with open(assembled(path) if os.path.exists(assembled(path)) else path, "rb") as file:
        ptx = file.read() + b"\0"
    torch.cuda.init()
    torch.empty(1, device="cuda")
    module = ctypes.c_void_p()
    checked(CUDA.cuModuleLoadData(ctypes.byref(module), ptx), f"loading {artifact}")
    return manifest, {entry["name"]: Kernel(module, entry) for entry in manifest["kernels"]}


class Program:
    """The launches of an artifact, in their order."""

    def __init__(self, artifact):
        self.artifact = artifact
        self.manifest, self.kernels = load(artifact)
        self.constants = {}

    def registers(self):
        return max(kernel.registers() for kernel in self.kernels.values())

    def spills(self):
        return max(kernel.spills() for kernel in self.kernels.values())

    def find(self, argument, source, arrays, buffers, symbols):
        """The tensor of an argument: by its name where the caller has it, else a buffer or a constant of the artifact."""
        name = argument["name"]
        if source.get("buffer") in buffers:
            return buffers[source["buffer"]]
        if "buffer" in source:
            shape = [resolve(size, symbols) for size in argument["shape"]]
            buffers[source["buffer"]] = torch.empty(shape, device="cuda", dtype=TYPES[argument["type"]])
            return buffers[source["buffer"]]
        if "weight" in source and name not in arrays:
            return self.constant(source["weight"])
        return arrays[name]

    def constant(self, name):
        """A float32 of the weight file: all other weights are the caller's."""
        if name not in self.constants:
            with open(os.path.join(self.artifact, self.manifest["weights"]), "rb") as file:
                content = file.read()
            start = 8 + int.from_bytes(content[:8], "little")
            first = json.loads(content[8:start])[name]["data_offsets"][0]
            value = struct.unpack_from("<f", content, start + first)[0]
            self.constants[name] = torch.tensor(value, device="cuda")
        return self.constants[name]

    def prepare(self, arrays, symbols, overlap=False):
        """A function that launches everything; `arrays` by argument name, as Kernel.prepare takes them. Only kernels
        that wait for their predecessor overlap."""
        buffers, launches = {}, []
        for launch in self.manifest["launches"]:
            kernel = self.kernels[launch["kernel"]]
            sources = launch["arguments"]
            named = {argument["name"]: self.find(argument, sources[argument["name"]], arrays, buffers, symbols)
                     for argument in kernel.entry["arguments"]
                     if argument["kind"] in ("pointer", "tensor_map")}
            launches.append(kernel.prepare(named, symbols, overlap and kernel.entry.get("programmatic_launch", False)))

        def run():
            for launch in launches:
                launch()

        run.keep = launches
        return run
