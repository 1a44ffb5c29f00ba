#!/usr/bin/env python3
"""Runs what FP4EmulatorPlan wrote on a GPU.

    FP4EmulatorPlan test/Emulator/Hardware FOLDER
    record.py FOLDER OUTPUT.bin [h200.safetensors]

Every case is a kernel `test(in, out)`; OUTPUT.bin receives the outputs of all
cases one after another, as `emulated.bin` of FOLDER does. With a third argument
the recording that the tests replay is written as well (see `summarize`). Needs
libcuda and NumPy. A case whose launch fails is reported and leaves its output
at 0xDEADBEEF.
"""

import ctypes
import datetime
import json
import os
import struct
import sys

import numpy as np

CASE = 0  # name, block, grid, cluster, shared, offset, bytes, results, map


class Driver:
    """The few calls of the CUDA driver API that this needs."""

    def __init__(self):
        self.cuda = ctypes.CDLL("libcuda.so.1")
        self.check("cuInit", 0)
        self.device = ctypes.c_int()
        self.check("cuDeviceGet", ctypes.byref(self.device), 0)
        self.context = ctypes.c_void_p()
        self.retain()

    def retain(self):
        self.check("cuDevicePrimaryCtxRetain", ctypes.byref(self.context), self.device)
        self.check("cuCtxSetCurrent", self.context)

    def check(self, name, *arguments):
        status = getattr(self.cuda, name)(*arguments)
        if status:
            text = ctypes.c_char_p()
            self.cuda.cuGetErrorName(status, ctypes.byref(text))
            raise RuntimeError(f"{name}: {(text.value or b'?').decode()}")

    def describe(self):
        name = ctypes.create_string_buffer(100)
        self.check("cuDeviceGetName", name, 100, self.device)
        return name.value.decode()

    def allocate(self, size):
        address = ctypes.c_uint64()
        self.check("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(size))
        return address.value

    def load(self, ptx):
        """The kernel `test` of a module."""
        log = ctypes.create_string_buffer(4096)
        options = (ctypes.c_int * 2)(5, 6)  # error log, its size
        values = (ctypes.c_void_p * 2)(ctypes.cast(log, ctypes.c_void_p), 4096)
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        try:
            self.check("cuModuleLoadDataEx", ctypes.byref(module), ptx, 2, options, values)
        except RuntimeError as error:
            raise RuntimeError(f"{error} {log.value.decode()[:300]}") from error
        self.check("cuModuleGetFunction", ctypes.byref(function), module, b"test")
        return module, function


def encode_map(driver, spec, source, target):
    """`in:7:64x32:256:32x16:3` (HardwareCases.h) as a CUtensorMap."""
    where, kind, dims, strides, box, swizzle = spec.split(":")
    dims, box = [[int(x) for x in part.split("x")] for part in (dims, box)]
    strides = [int(x) for x in strides.split("x")] if strides != "-" else []
    rank = len(dims)
    storage = ctypes.create_string_buffer(256)
    aligned = (ctypes.addressof(storage) + 63) // 64 * 64
    driver.check(
        "cuTensorMapEncodeTiled", ctypes.c_void_p(aligned), int(kind), rank,
        ctypes.c_void_p(source if where == "in" else target),
        (ctypes.c_uint64 * rank)(*dims), (ctypes.c_uint64 * 4)(*strides),
        (ctypes.c_uint32 * rank)(*box), (ctypes.c_uint32 * rank)(*[1] * rank),
        0, int(swizzle), 0, 0)
    return (ctypes.c_char * 128).from_buffer_copy(ctypes.string_at(aligned, 128))


class LaunchAttribute(ctypes.Structure):
    _fields_ = [("id", ctypes.c_int), ("pad", ctypes.c_int), ("value", ctypes.c_uint32 * 16)]


class LaunchConfig(ctypes.Structure):
    _fields_ = [("grid", ctypes.c_uint * 3), ("block", ctypes.c_uint * 3),
                ("shared", ctypes.c_uint), ("stream", ctypes.c_void_p),
                ("attributes", ctypes.POINTER(LaunchAttribute)), ("count", ctypes.c_uint)]


def run(driver, case, ptx, data):
    name, block, grid, cluster, shared, offset, size, results, spec = case
    module, function = driver.load(ptx)
    source, target = driver.allocate(max(size, 4)), driver.allocate(sum(results))
    output = np.full(sum(results), 0, np.uint8)
    output.view(np.uint32)[:] = 0xDEADBEEF
    chunk = data[offset:offset + size]
    driver.check("cuMemcpyHtoD_v2", ctypes.c_uint64(source), chunk.ctypes.data_as(ctypes.c_void_p),
                 ctypes.c_size_t(size))
    pointer = output.ctypes.data_as(ctypes.c_void_p)
    driver.check("cuMemcpyHtoD_v2", ctypes.c_uint64(target), pointer, ctypes.c_size_t(output.size))
    arguments = [ctypes.c_uint64(source), ctypes.c_uint64(target)]
    if spec != "-":
        arguments.append(encode_map(driver, spec, source, target))
    params = (ctypes.c_void_p * len(arguments))(*[ctypes.addressof(a) for a in arguments])
    if shared > 48 * 1024:
        driver.check("cuFuncSetAttribute", function, 8, shared)
    config = LaunchConfig((ctypes.c_uint * 3)(grid, 1, 1), (ctypes.c_uint * 3)(block, 1, 1), shared)
    attribute = LaunchAttribute(4, 0, (ctypes.c_uint32 * 16)(cluster, 1, 1))
    if cluster:
        config.attributes, config.count = ctypes.pointer(attribute), 1
    driver.check("cuLaunchKernelEx", ctypes.byref(config), function, params, None)
    driver.check("cuCtxSynchronize")
    driver.check("cuMemcpyDtoH_v2", pointer, ctypes.c_uint64(target), ctypes.c_size_t(output.size))
    driver.check("cuMemFree_v2", ctypes.c_uint64(source))
    driver.check("cuMemFree_v2", ctypes.c_uint64(target))
    driver.check("cuModuleUnload", module)
    return output


def read_plan(folder):
    cases = []
    for line in open(f"{folder}/plan.txt"):
        f = line.split()
        cases.append((f[0], *map(int, f[1:7]), [int(x) for x in f[7].split(",")], f[8]))
    return cases


def fnv(blocks):
    """FNV-1a over the bytes of every row."""
    value = np.full(len(blocks), 0x811C9DC5, np.uint32)
    for column in blocks.T:
        value = (value ^ column.astype(np.uint32)) * np.uint32(0x01000193)
    return value


def summarize(case, output, approximate):
    """What the recording keeps: all bytes of small outputs; of others every
    64th tuple, and a hash of each 64. An approximate case keeps more tuples and
    no hashes, which could not be compared."""
    results = case[7]
    if output.size <= 2048:
        return output.tobytes()
    kept, start = b"", 0
    for size in results:
        part = output[start:start + size].copy()
        start += size
        tuples = 4096 if size % 4096 == 0 else size // 4
        width = size // tuples
        rows = part.reshape(tuples, width)
        kept += rows[::8 if approximate else 64].tobytes()
        if not approximate:
            kept += fnv(part.reshape(tuples // 64, 64 * width)).tobytes()
    return kept


def write_recording(path, cases, outputs, approximate, metadata):
    header, blob = {"__metadata__": metadata}, b""
    for case, output in zip(cases, outputs):
        data = summarize(case, output, case[CASE] in approximate)
        header[case[CASE]] = {"dtype": "U8", "shape": [len(data)],
                              "data_offsets": [len(blob), len(blob) + len(data)]}
        blob += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + blob)


def main():
    folder, path = sys.argv[1:3]
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    driver = Driver()
    data = np.fromfile(f"{folder}/inputs.bin", np.uint8)
    cases = read_plan(folder)
    with open(path, "ab" if first else "wb") as file:
        for number in range(first, len(cases)):
            case = cases[number]
            try:
                output = run(driver, case, open(f"{folder}/{number}.ptx", "rb").read() + b"\0", data)
            except RuntimeError as error:
                print(f"{case[CASE]}: {error}", flush=True)
                file.write(np.full(sum(case[7]) // 4, 0xDEADBEEF, np.uint32).tobytes())
                file.flush()
                # A fault ends the process's context for good.
                os.execv(sys.executable, [sys.executable, sys.argv[0], folder, path, str(number + 1)])
            file.write(output.tobytes())
    version = ctypes.c_int()
    driver.check("cuDriverGetVersion", ctypes.byref(version))
    print(f"{len(cases)} cases, {driver.describe()}, CUDA {version.value}, "
          f"{datetime.date.today()}")


if __name__ == "__main__":
    main()
