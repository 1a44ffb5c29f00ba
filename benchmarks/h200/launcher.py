"""Launches kernels of an fp4-compile artifact: PTX, manifest and the CUDA driver.

A runtime for measurements, without LLVM: docs/Manifest.md is all it knows. Arrays
are torch tensors.
"""

import ctypes
import json
import os

import torch

CUDA = ctypes.CDLL("libcuda.so.1")
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
    """One kernel of an artifact."""

    def __init__(self, artifact, index=0):
        with open(os.path.join(artifact, "manifest.json")) as file:
            manifest = json.load(file)
        path = os.path.join(artifact, manifest["ptx"]["file"])
        with open(assembled(path) if os.path.exists(assembled(path)) else path, "rb") as file:
            ptx = file.read() + b"\0"
        self.entry = manifest["kernels"][index]
        self.name = self.entry["name"]
        torch.cuda.init()
        torch.empty(1, device="cuda")
        self.module, self.function = ctypes.c_void_p(), ctypes.c_void_p()
        checked(CUDA.cuModuleLoadData(ctypes.byref(self.module), ptx), f"loading {artifact}")
        checked(CUDA.cuModuleGetFunction(ctypes.byref(self.function), self.module, self.name.encode()), self.name)
        checked(CUDA.cuFuncSetAttribute(self.function, MAX_DYNAMIC_SHARED, self.entry["dynamic_shared_memory"]), "shared")
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
