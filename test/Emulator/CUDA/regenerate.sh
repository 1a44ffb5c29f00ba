#!/bin/sh
# Compiles the CUDA programs of this folder to the PTX that the tests run.
# Needs nvcc 13.0; the PTX is committed, so that the tests do not.
set -e
cd "$(dirname "$0")"
NVCC=${NVCC:-/usr/local/cuda/bin/nvcc}
$NVCC -ptx -arch=sm_90a -o basics.ptx basics.cu
$NVCC -ptx -arch=sm_90a -o gemm_cpasync.ptx gemm_cpasync.cu
$NVCC -ptx -arch=sm_120a -o nvfp4_sm120.ptx nvfp4_sm120.cu
$NVCC -ptx -arch=sm_90a -o hopper.ptx hopper.cu
$NVCC -std=c++17 -diag-suppress 20054 -ptx -arch=sm_90a -o library.ptx library.cu
