/* A C user of the install tree: one block of ones is exact in MXFP4. */

#include "fp4-c/Numerics.h"

int main(void) {
  FP4BlockFormat format;
  float values[32], decoded[32];
  uint8_t codes[32], scale;
  for (int i = 0; i < 32; ++i)
    values[i] = 1;
  fp4BlockFormatParse("mxfp4", &format, NULL);
  FP4QuantizeOptions options = fp4QuantizeOptionsGetDefault(&format);
  return !(
      fp4Quantize(&format, &options, values, 1, 32, 1, codes, &scale, NULL) &&
      fp4Dequantize(&format, codes, &scale, 1, 32, 1, decoded, NULL) &&
      decoded[31] == 1);
}
