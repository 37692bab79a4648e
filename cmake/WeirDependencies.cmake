# Everything comes from Debian 12. The order matters: gRPC's package needs Threads and Protobuf first.

find_package(Threads REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(OpenSSL REQUIRED)
# Debian's CMake files of hiredis stop the configure; its pkg-config file works.
find_package(PkgConfig REQUIRED)
pkg_check_modules(HIREDIS REQUIRED IMPORTED_TARGET hiredis)
find_package(fmt CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(yaml-cpp CONFIG REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_path(WEIR_CLI11_INCLUDE CLI/CLI.hpp REQUIRED)
# The demo (deploy/local/run.sh) builds without the test packages.
find_package(GTest CONFIG)
if(WEIR_TESTS AND NOT GTest_FOUND)
  message(STATUS "GoogleTest is not installed: the tests are left out")
  set(WEIR_TESTS OFF)
endif()

# Header-only use of Asio, Beast and Boost.System; no compiled Boost library is linked.
add_library(weir_boost INTERFACE)
target_link_libraries(weir_boost INTERFACE Boost::headers Threads::Threads)
target_compile_definitions(
  weir_boost INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE
                       BOOST_ERROR_CODE_HEADER_ONLY)

add_library(weir_cli11 INTERFACE)
target_include_directories(weir_cli11 SYSTEM INTERFACE "${WEIR_CLI11_INCLUDE}")
