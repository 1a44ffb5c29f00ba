// RUN: %cc_capi %s -o %t && %t | FileCheck %s

#include "fp4-c/Numerics.h"
#include "fp4-c/Support.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static void printError(char *error) {
  printf("error: %s\n", error ? error : "(none)");
  fp4StringFree(error);
}

static void printValues(const char *name, const float *values, size_t count) {
  printf("%s:", name);
  for (size_t i = 0; i < count; ++i)
    printf(" %g", values[i]);
  printf("\n");
}

// The example of fp4.quantize: amax 7 gives 2^(floor(log2 7) - 2) = 1, and 7
// saturates at 6. The codes of 0.25, 0.75, 1.25, 1.75, 2.5, 3.5 and 5 are ties
// and go to the even code.
static void testQuantize(void) {
  float values[32] = {0.25f, 0.75f, 1.25f, 1.75f, 2.5f, 3.5f, 5.0f, -7.0f};
  FP4BlockFormat format;
  fp4BlockFormatParse("mxfp4", &format, NULL);
  FP4QuantizeOptions options = fp4QuantizeOptionsGetDefault(&format);
  uint8_t codes[32], scales[1];
  bool ok =
      fp4Quantize(&format, &options, values, 1, 32, 1.0f, codes, scales, NULL);
  float decoded[32];
  ok &= fp4Dequantize(&format, codes, scales, 1, 32, 1.0f, decoded, NULL);
  printf("quantize: %d scale %d\n", ok, scales[0]);
  printValues("decoded", decoded, 9);
  uint8_t packed[16], unpacked[32];
  ok = fp4PackCodes(format.element, codes, 1, 32, packed, NULL) &&
       fp4UnpackCodes(format.element, packed, 1, 32, unpacked, NULL);
  printf("packed: %d %02x %02x same %d\n", ok, packed[0], packed[3],
         memcmp(codes, unpacked, 32) == 0);
}
// CHECK: quantize: 1 scale 127
// CHECK: decoded: 0 1 1 2 2 4 4 -6 0
// Codes 0, 2 and, for 4 and -6, 6 and 15; the even element is the low nibble.
// CHECK: packed: 1 20 f6 same 1

static void testTensorScale(void) {
  FP4BlockFormat format;
  fp4BlockFormatParse("nvfp4", &format, NULL);
  const float values[] = {-2688.0f, 1.0f};
  float amax = fp4AbsMax(values, 2);
  printf("amax %g, tensor scale %g, bits %g, name %s\n", amax,
         fp4TensorScale(&format, amax, FP4ScaleRuleAbsMax),
         fp4BlockFormatGetBitsPerElement(&format),
         fp4BlockFormatGetName(&format));
}
// 2688 = 6 * 448.
// CHECK: amax 2688, tensor scale 1, bits 4.5, name nvfp4

static void testHadamard(void) {
  float values[4] = {1, 2, 3, 4};
  fp4Hadamard(values, 4, 4, NULL, false, NULL);
  printValues("hadamard", values, 4);
  const int8_t signs[4] = {1, -1, 1, -1};
  fp4Hadamard(values, 4, 4, signs, false, NULL);
  fp4Hadamard(values, 4, 4, signs, true, NULL);
  fp4Hadamard(values, 4, 4, NULL, true, NULL);
  printValues("back", values, 4);
}
// CHECK: hadamard: 5 -1 -2 0
// CHECK: back: 1 2 3 4

static void testCodes(void) {
  const uint8_t codes[] = {0x7, 0xF, 0x1};
  float values[3];
  fp4DecodeElements(FP4ElementE2M1, codes, 3, values);
  printValues("elements", values, 3);
  uint8_t encoded[3];
  fp4EncodeElements(FP4ElementE2M1, values, 3, NULL, encoded);
  printf("encoded %d\n", memcmp(codes, encoded, 3) == 0);
  const uint8_t scales[] = {0x80, 0xFF};
  fp4DecodeScales(FP4ScaleE8M0, scales, 2, values);
  printf("scales %g %d\n", values[0], isnan(values[1]) != 0);
  uint8_t up, down;
  const float three = 3;
  fp4EncodeScales(FP4ScaleE8M0, &three, 1, FP4ScaleRoundingTowardPositive, &up);
  fp4EncodeScales(FP4ScaleE8M0, &three, 1, FP4ScaleRoundingTowardZero, &down);
  printf("three: %d %d\n", up - 127, down - 127);
  uint16_t bits;
  fp4EncodeBF16(&three, 1, &bits);
  fp4DecodeBF16(&bits, 1, values);
  printf("bf16 %04x %g\n", bits, values[0]);
}
// CHECK: elements: 6 -6 0.5
// CHECK: encoded 1
// CHECK: scales 2 1
// CHECK: three: 2 1
// CHECK: bf16 4040 3

// Scale (row 33, column 5) of a 128 x 8 matrix: tile 1, row 33 % 32 = 1, group
// 33 / 32 = 1, column 1: 512 + 16 + 4 + 1 = 533.
static void testSwizzle(void) {
  static uint8_t scales[128 * 8], swizzled[1024], back[128 * 8];
  scales[33 * 8 + 5] = 42;
  fp4SwizzleScales128x4(scales, 128, 8, swizzled);
  fp4UnswizzleScales128x4(swizzled, 128, 8, back);
  printf("swizzled %zu %d same %d\n", fp4ScaleBytes128x4(128, 8), swizzled[533],
         memcmp(scales, back, sizeof(scales)) == 0);
}
// CHECK: swizzled 1024 42 same 1

static void testErrors(void) {
  FP4BlockFormat format = {FP4ElementE2M1, FP4ScaleE8M0, 1, 32, false};
  FP4QuantizeOptions options = fp4QuantizeOptionsGetDefault(&format);
  float values[64] = {0};
  uint8_t codes[64], scales[64];
  char *error = NULL;
  fp4Quantize(&format, &options, values, 1, 48, 1, codes, scales, &error);
  printError(error);
  // CHECK: error: expected columns to be a multiple of the block size 32, got
  // * 48
  options.rule = FP4ScaleRuleAbsMax;
  fp4Quantize(&format, &options, values, 1, 32, 1, codes, scales, &error);
  printError(error);
  // CHECK: error: scale rule 'absmax' does not suit elements 'E2M1' with scales
  // * 'E8M0'
  fp4BlockFormatParse("nvfp4", &format, NULL);
  fp4Quantize(&format, &options, values, 1, 32, 0, codes, scales, &error);
  printError(error);
  // CHECK: error: expected a positive and finite tensor scale, got 0
  fp4BlockFormatParse("nvfp5", &format, &error);
  printError(error);
  // CHECK: error: unknown format 'nvfp5', expected one of nvfp4, mxfp4,
  // * mxfp6e2m3, mxfp6e3m2, mxfp8e4m3, mxfp8e5m2, mxint8
  FP4ScaleRule rule;
  fp4ScaleRuleParse("ceil", &rule, &error);
  printError(error);
  // CHECK: error: unknown scale rule 'ceil', expected one of floor, rceil,
  // * even, absmax, four_over_six, search
  format.blockCols = 24;
  fp4BlockFormatVerify(&format, &error);
  printError(error);
  // CHECK: error: expected block columns to be a power of two in 4..1024, got
  // * 24
  fp4Hadamard(values, 64, 12, NULL, false, &error);
  printError(error);
  // CHECK: error: expected a block that is a power of two in 2..1024, got 12
  fp4Hadamard(values, 60, 8, NULL, false, &error);
  printError(error);
  // CHECK: error: expected the last dimension to be a multiple of the block 8,
  // * got 60 values
  const int8_t signs[2] = {1, 0};
  fp4Hadamard(values, 64, 2, signs, false, &error);
  printError(error);
  // CHECK: error: expected signs of 1 and -1, got 0 at 1
  fp4PackCodes(FP4ElementE3M2, codes, 1, 6, scales, &error);
  printError(error);
  // CHECK: error: expected rows of a whole number of bytes, got 6 codes of 6
  // * bits
}

int main(void) {
  testQuantize();
  testTensorScale();
  testHadamard();
  testCodes();
  testSwizzle();
  testErrors();
  return 0;
}
