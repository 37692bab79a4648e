# Language level, warnings, sanitizers, coverage, ccache.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
# Line tables are enough to read a backtrace and a third of the object size of full debug information.
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -gline-tables-only")
if(WEIR_SANITIZE)
  set(CMAKE_CXX_FLAGS_DEBUG "-O1 -gline-tables-only -fno-omit-frame-pointer")
endif()

if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  # g++ 12 miscompiles aggregate temporaries inside co_await expressions (docs/adr/0002).
  message(WARNING "clang 19 is the product compiler; found "
                  "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}")
endif()

find_program(WEIR_CCACHE ccache)
if(WEIR_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER "${WEIR_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${WEIR_CCACHE}")
endif()
find_program(WEIR_LLD ld.lld-19)
if(WEIR_LLD)
  add_link_options("-fuse-ld=${WEIR_LLD}")
endif()

# Our own code only: generated and third-party code is compiled without these.
add_library(weir_warnings INTERFACE)
target_compile_options(
  weir_warnings
  INTERFACE -Wall
            -Wextra
            -Werror
            -Wshadow
            -Wnon-virtual-dtor
            -Woverloaded-virtual
            -Wimplicit-fallthrough
            -Wextra-semi
            -Wno-missing-field-initializers)

if(WEIR_SANITIZE)
  add_compile_options("-fsanitize=${WEIR_SANITIZE}" -fno-sanitize-recover=all)
  if(WEIR_SANITIZE MATCHES "undefined")
    # Debian's spdlog is built without type information for the check of virtual tables.
    add_compile_options(-fno-sanitize=vptr)
  endif()
  add_link_options("-fsanitize=${WEIR_SANITIZE}")
endif()
if(WEIR_FUZZ)
  # Without this only the target itself would guide the fuzzer, not the code it is after.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(WEIR_COVERAGE)
  add_compile_options(-fprofile-instr-generate -fcoverage-mapping)
  add_link_options(-fprofile-instr-generate)
endif()
