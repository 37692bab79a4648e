# One CMake target per folder. A target links only what the layering table (tests/tidy) allows its
# folder to depend on, so a forbidden dependency fails at link time as well as in the include scan.

# A release build from nothing is what CI and a first-time user wait for, and most of a unit's cost is its
# headers: several files are compiled as one there. Development builds keep one unit per file. The same goes for
# the fuzz targets, which the test command builds, too.
function(weir_few_units target)
  if(CMAKE_BUILD_TYPE STREQUAL "Release" OR WEIR_FUZZ)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
  endif()
endfunction()

# weir_library(<plane> <folder> [ONE_UNIT_PER_FILE] [DEPS ...] [EXTERNAL ...])
# ONE_UNIT_PER_FILE: names in anonymous namespaces of this folder's files repeat.
# Sources: every .cc directly in the current folder, except *_main.cc. Alias: weir::<plane>::<folder>.
function(weir_library plane folder)
  cmake_parse_arguments(ARG "ONE_UNIT_PER_FILE" "" "DEPS;EXTERNAL" ${ARGN})
  set(target "weir_${plane}_${folder}")
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  list(FILTER sources EXCLUDE REGEX "main\\.cc$")
  if(sources)
    add_library(${target} STATIC ${sources})
    if(NOT ARG_ONE_UNIT_PER_FILE)
      weir_few_units(${target})
    endif()
    set(scope PUBLIC)
    target_link_libraries(${target} PRIVATE weir_warnings)
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(${target} ${scope} "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${target} ${scope} weir_boost fmt::fmt ${ARG_DEPS} ${ARG_EXTERNAL})
  add_library(weir::${plane}::${folder} ALIAS ${target})
endfunction()

# weir_binary(<name> MAIN <file> DEPS ...): an executable in <build>/bin.
function(weir_binary name)
  cmake_parse_arguments(ARG "" "" "MAIN;DEPS" ${ARGN})
  add_executable(${name} ${ARG_MAIN})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_compile_definitions(${name} PRIVATE WEIR_VERSION="${PROJECT_VERSION}")
  target_link_libraries(${name} PRIVATE weir_warnings ${ARG_DEPS})
endfunction()

# weir_test(<name> [ONE_UNIT_PER_FILE] LABEL <label> DIR <folder below tests/> DEPS ...)
# One binary from every *_test.cc below DIR; one ctest entry per binary.
function(weir_test name)
  cmake_parse_arguments(ARG "ONE_UNIT_PER_FILE" "LABEL;DIR" "DEPS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/${ARG_DIR}/*_test.cc")
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  if(NOT ARG_ONE_UNIT_PER_FILE)
    weir_few_units(${name})
  endif()
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  # Tests are compiled more often than they run; optimising them would double the cold build. The
  # suites that explore thousands of seeds run longer than they compile.
  if(CMAKE_BUILD_TYPE STREQUAL "Release")
    if(name MATCHES "^(conformance|sim)$")
      target_compile_options(${name} PRIVATE -O1 -UNDEBUG)
    else()
      target_compile_options(${name} PRIVATE -O0 -UNDEBUG)
    endif()
  endif()
  target_compile_definitions(${name} PRIVATE WEIR_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                                             WEIR_BINARY_DIR="${CMAKE_BINARY_DIR}")
  target_link_libraries(${name} PRIVATE weir_warnings ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABEL}" TIMEOUT 300)
endfunction()

# weir_fuzz(<subject> [SOURCES ...] DEPS ...): tests/fuzz/<subject>_fuzz.cc as a libFuzzer program. SOURCES, from
# the root: files under test whose own target would bring libraries that the fuzz target does not need.
function(weir_fuzz subject)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  if(NOT WEIR_FUZZ)
    return()
  endif()
  set(sources)
  foreach(pattern ${ARG_SOURCES})
    file(GLOB found CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${pattern}")
    list(APPEND sources ${found})
  endforeach()
  add_executable(${subject}_fuzz "${PROJECT_SOURCE_DIR}/tests/fuzz/${subject}_fuzz.cc" ${sources})
  weir_few_units(${subject}_fuzz)
  target_include_directories(${subject}_fuzz PRIVATE "${PROJECT_SOURCE_DIR}")
  target_compile_options(${subject}_fuzz PRIVATE -fsanitize=fuzzer)
  target_link_options(${subject}_fuzz PRIVATE -fsanitize=fuzzer)
  target_link_libraries(${subject}_fuzz PRIVATE weir_warnings ${ARG_DEPS})
endfunction()
