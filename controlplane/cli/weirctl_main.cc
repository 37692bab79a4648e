// weirctl: see weirctl.h.
#include <iostream>

#include "controlplane/cli/weirctl.h"

int main(int argc, char** argv) {
  return weir::cli::run(argc, argv, WEIR_VERSION, std::cout, std::cerr);
}
