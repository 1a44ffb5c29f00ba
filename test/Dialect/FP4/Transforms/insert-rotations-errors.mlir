// RUN: fp4-opt %s --fp4-insert-rotations=block=48 --verify-diagnostics

// expected-error @+1 {{expected option 'block' to be a power of two in 2..1024, got 48}}
module {
}
