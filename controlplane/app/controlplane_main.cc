// weir-controlplane: places streams on origins and tells everybody. See docs/ARCHITECTURE.md.

#include "controlplane/app/controlplane_app.h"

int main(int argc, char** argv) {
  return weir::app::run_controlplane(argc, argv, WEIR_VERSION);
}
