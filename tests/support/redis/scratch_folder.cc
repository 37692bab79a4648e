#include "tests/support/redis/scratch_folder.h"

#include <array>
#include <cstdlib>
#include <fstream>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/contract.h"

namespace weir::testing {

ScratchFolder::ScratchFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "weir-test-XXXXXX").string();
  WEIR_ASSERT(::mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

ProgramEnd run_program(const std::vector<std::string>& command) {
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  std::array<int, 2> pipe{};
  WEIR_ASSERT(::pipe2(pipe.data(), O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  WEIR_ASSERT(child >= 0);
  if (child == 0) {
    ::dup2(pipe[1], STDOUT_FILENO);
    ::dup2(pipe[1], STDERR_FILENO);
    ::execvp(words[0], words.data());
    ::_exit(127);
  }
  ::close(pipe[1]);
  ProgramEnd end;
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t count = ::read(pipe[0], buffer.data(), buffer.size());
    if (count <= 0) break;
    end.output.append(buffer.data(), static_cast<std::size_t>(count));
  }
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status)) end.status = WEXITSTATUS(status);
  return end;
}

void make_certificates(const std::filesystem::path& folder) {
  const auto file = [&](const char* name) { return (folder / name).string(); };
  const auto openssl = [](std::vector<std::string> words) {
    words.insert(words.begin(), "openssl");
    WEIR_ASSERT(run_program(words).status == 0);
  };
  const std::vector<std::string> key = {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                                        "-nodes"};
  const auto request = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "req");
    words.insert(words.end(), key.begin(), key.end());
    openssl(words);
  };
  std::ofstream(file("names.ext")) << "subjectAltName=IP:127.0.0.1,DNS:localhost\n";
  request({"-x509", "-days", "2", "-subj", "/CN=Weir test CA", "-keyout", file("ca.key"), "-out",
           file("ca.crt")});
  for (const std::string name : {"redis", "client"}) {
    const std::string stem = file(name.c_str());
    request({"-subj", "/CN=" + name, "-keyout", stem + ".key", "-out", stem + ".csr"});
    openssl({"x509", "-req", "-days", "2", "-in", stem + ".csr", "-CA", file("ca.crt"), "-CAkey",
             file("ca.key"), "-CAcreateserial", "-extfile", file("names.ext"), "-out",
             stem + ".crt"});
  }
}

}  // namespace weir::testing
