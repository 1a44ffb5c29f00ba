#!/usr/bin/env python3
"""Runs what FP4EmulatorPlan wrote on a GPU, and packs the results.

    FP4EmulatorPlan test/Emulator/Hardware FOLDER
    record.py run FOLDER OUTPUT             # where the GPU is
    record.py pack FOLDER OUTPUT h200.safetensors

`run` executes every case, a kernel `test(in, out)`; OUTPUT receives the outputs
of all cases one after another, as `emulated.bin` of FOLDER does, and
OUTPUT.json the device, driver and date. A case that faults is reported and
leaves 0xDEADBEEF. `pack` makes of it the recording that HardwareReplayTest
replays: of every case a tensor of bytes, namely

  - the CRC-32 of the input (and of the text, for a file),
  - all outputs, if they are no more than 2 KiB, or else for every result
  - one tuple of every 128 (every 8 of a case with a tolerance): number
    128 k + 37 k % 128, or 8 k, and
  - the CRC-32 of each 128 tuples, unless the case has a tolerance.

`run` needs libcuda and NumPy.
"""

import ctypes
import datetime
import json
import os
import re
import struct
import sys
import zlib

import numpy as np

# The fields of a line of plan.txt.
NAME, BLOCK, GRID, CLUSTER, SHARED, OFFSET, SIZE, RESULTS, MAP, KIND = range(10)


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

    def version(self):
        """As nvidia-smi shows it, or the CUDA version that it supports."""
        try:
            return re.search(r"\d+\.\d+\.\d+", open("/proc/driver/nvidia/version").read())[0]
        except (OSError, TypeError):
            version = ctypes.c_int()
            self.check("cuDriverGetVersion", ctypes.byref(version))
            return f"CUDA {version.value}"

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
    _, block, grid, cluster, shared, offset, size, results, spec, _ = case
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
        cases.append((f[0], *map(int, f[1:7]), [int(x) for x in f[7].split(",")], f[8], f[9]))
    return cases


def crc(data):
    return struct.pack("<I", zlib.crc32(data))


def summarize(case, output):
    """The outputs as the recording keeps them."""
    if output.size <= 2048:
        return output.tobytes()
    kept, start, tuples = b"", 0, case[BLOCK] * case[GRID]
    for size in case[RESULTS]:
        rows = output[start:start + size].reshape(tuples, size // tuples)
        start += size
        if case[KIND] == "approximate":
            kept += rows[::8].tobytes()
            continue
        kept += rows[[128 * k + 37 * k % 128 for k in range(tuples // 128)]].tobytes()
        kept += b"".join(crc(rows[i:i + 128].tobytes()) for i in range(0, tuples, 128))
    return kept


def pack(folder, path, recording):
    header, blob = {"__metadata__": json.load(open(path + ".json"))}, b""
    outputs, start = np.fromfile(path, np.uint8), 0
    inputs = np.fromfile(f"{folder}/inputs.bin", np.uint8)
    for number, case in enumerate(read_plan(folder)):
        output = outputs[start:start + sum(case[RESULTS])]
        start += output.size
        if (output.view(np.uint32) == 0xDEADBEEF).all():
            print(f"{case[NAME]}: not recorded")
            continue
        key = inputs[case[OFFSET]:case[OFFSET] + case[SIZE]].tobytes()
        if case[NAME].startswith("file/"):
            key += open(f"{folder}/{number}.ptx", "rb").read()
        data = crc(key) + summarize(case, output)
        header[case[NAME]] = {"dtype": "U8", "shape": [len(data)],
                              "data_offsets": [len(blob), len(blob) + len(data)]}
        blob += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(recording, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + blob)


def run_all(folder, path, first):
    driver = Driver()
    data = np.fromfile(f"{folder}/inputs.bin", np.uint8)
    cases = read_plan(folder)
    with open(path, "ab" if first else "wb") as file:
        for number in range(first, len(cases)):
            case = cases[number]
            try:
                output = run(driver, case, open(f"{folder}/{number}.ptx", "rb").read() + b"\0", data)
            except RuntimeError as error:
                print(f"{case[NAME]}: {error}", flush=True)
                file.write(np.full(sum(case[RESULTS]) // 4, 0xDEADBEEF, np.uint32).tobytes())
                file.flush()
                # A fault ends the process's context for good.
                os.execv(sys.executable, [sys.executable, *sys.argv[:4], str(number + 1)])
            file.write(output.tobytes())
    metadata = {"gpu": driver.describe(), "driver": driver.version(),
                "date": str(datetime.date.today()), "cases": str(len(cases))}
    json.dump(metadata, open(path + ".json", "w"))
    print(metadata)


def main():
    if len(sys.argv) == 5 and sys.argv[1] == "pack":
        pack(*sys.argv[2:5])
    elif len(sys.argv) in (4, 5) and sys.argv[1] == "run":
        run_all(*sys.argv[2:4], int(sys.argv[4]) if len(sys.argv) == 5 else 0)
    else:
        sys.exit("usage: record.py run FOLDER OUTPUT | pack FOLDER OUTPUT RECORDING")


if __name__ == "__main__":
    main()
