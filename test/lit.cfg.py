"""lit configuration of the fp4 test suite."""

import os
import shutil
import subprocess

import lit.formats

config.name = "FP4"
config.test_format = lit.formats.ShTest(not lit_config.isWindows)
config.suffixes = [".c", ".mlir", ".test"]
config.excludes = ["Inputs", "Install", "Unit", "CMakeLists.txt"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.fp4_binary_dir, "test")

tools_dir = os.path.join(config.fp4_binary_dir, "bin")
path = [tools_dir, config.llvm_tools_dir, config.environment.get("PATH", "")]
config.environment["PATH"] = os.pathsep.join(path)
config.environment["FP4_SOURCE_DIR"] = config.fp4_source_dir

# FP4_VERIFY_ROUNDTRIP=1 runs every fp4-opt of the suite through print, parse and
# bytecode, and compares.
fp4_opt = "fp4-opt"
if os.environ.get("FP4_VERIFY_ROUNDTRIP"):
    fp4_opt += " --verify-roundtrip"
config.substitutions.append((r"(?<![-/\w])fp4-opt(?![-\w])", fp4_opt))
config.substitutions.append(
    ("%fp4_plugin", os.path.join(config.fp4_binary_dir, "lib", "FP4Plugin.so"))
)
config.substitutions.append(
    ("%fp4_check", os.path.join(config.fp4_binary_dir, "lib", "libFP4Check.so"))
)
config.substitutions.append(("%fp4_source_dir", config.fp4_source_dir))
config.substitutions.append(("%fp4_binary_dir", config.fp4_binary_dir))
# Compiles and links a strict C11 client of libFP4.so.
config.substitutions.append(
    (
        "%cc_capi",
        f"{config.c_compiler} -std=c11 -Wall -Wextra -Wpedantic -Werror "
        f"-I{config.fp4_source_dir}/include -isystem {config.llvm_include_dir} "
        f"-L{config.fp4_binary_dir}/lib -lFP4 -Wl,-rpath,{config.fp4_binary_dir}/lib",
    )
)
# The same for libFP4Emulator.so, which needs no LLVM, nor its headers.
config.substitutions.append(
    (
        "%cc_emulator",
        f"{config.c_compiler} -std=c11 -Wall -Wextra -Wpedantic -Werror "
        f"-I{config.fp4_source_dir}/include -L{config.fp4_binary_dir}/lib -lFP4Emulator "
        f"-Wl,-rpath,{config.fp4_binary_dir}/lib",
    )
)
config.substitutions.append(("%python", config.python_executable))
# Independent references for value tests (they need NumPy).
config.substitutions.append(
    ("%reference", os.path.join(config.test_source_root, "Integration", "reference"))
)
numpy_check = [config.python_executable, "-c", "import numpy"]
if subprocess.run(numpy_check, capture_output=True).returncode == 0:
    config.available_features.add("numpy")

nvcc = shutil.which("nvcc", path=config.environment["PATH"] + ":/usr/local/cuda/bin")
if nvcc:
    config.available_features.add("nvcc")
    config.substitutions.append(("%nvcc", nvcc))
if os.path.exists(os.path.join(config.fp4_binary_dir, "lib", "fp4-cuda-emulation")):
    config.available_features.add("cuda-emulation")

ptxas = shutil.which("ptxas", path=config.environment["PATH"] + ":/usr/local/cuda/bin")
if ptxas:
    config.available_features.add("ptxas")
    config.substitutions.append(("%ptxas", ptxas))
