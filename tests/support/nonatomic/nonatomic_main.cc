// weir-controlplane-nonatomic: the control plane over a store whose acquire is not one step
// (nonatomic_store.h). Only for tests/chaos, which must reject what it does.

#include <memory>
#include <utility>

#include "controlplane/app/controlplane_app.h"
#include "tests/support/nonatomic/nonatomic_store.h"

int main(int argc, char** argv) {
  using weir::store::NonatomicStore;
  using weir::store::StateStore;
  return weir::app::run_controlplane(
      argc, argv, WEIR_VERSION,
      [](std::unique_ptr<StateStore> store) -> std::unique_ptr<StateStore> {
        return std::make_unique<NonatomicStore>(std::move(store));
      });
}
