/* A C user of the emulator alone: an empty kernel runs. */

#include "fp4-c/Emulator.h"
#include <string.h>

int main(void) {
  const char ptx[] = ".version 7.0\n.target sm_80\n.address_size 64\n"
                     ".visible .entry nothing() { ret; }\n";
  FP4EmulatorModule *module = fp4EmulatorModuleParse(ptx, strlen(ptx), NULL);
  FP4EmulatorDevice *device = fp4EmulatorDeviceCreate();
  FP4EmulatorLaunch launch = {.grid = {1, 1, 1}, .block = {32, 1, 1}};
  FP4EmulatorStatistics *done = fp4EmulatorDeviceLaunch(
      device, module, "nothing", &launch, NULL, 0, NULL);
  return !done || fp4EmulatorStatisticsGetInstructions(done, "ret") != 1;
}
