// A C++ user of the install tree: parses a module of the dialect.

#include "fp4/InitAllDialects.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

int main() {
  mlir::DialectRegistry registry;
  fp4::registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      "func.func @f(%x: tensor<4x32xf32>) -> tensor<4x32xf32> {"
      "  %0 = fp4.hadamard %x block 16 : tensor<4x32xf32>"
      "  return %0 : tensor<4x32xf32> }",
      &context);
  if (module)
    module->print(llvm::outs());
  return module ? 0 : 1;
}
