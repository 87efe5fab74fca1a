// A child process whose output is read, and that dies with the thread that started it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace vmq::cluster::etcd {

// Where the program is; a name without a slash is looked for in PATH. Empty: nowhere.
std::string find_program(const std::string& name);

class Process {
 public:
  // Standard output and error go to one pipe, standard input is empty, nothing else is inherited.
  // The error is a sentence.
  [[nodiscard]] static Result<Process, std::string> start(
      const std::vector<std::string>& arguments);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();  // kills what still runs

  pid_t pid() const { return pid_; }
  int output() const { return output_; }  // to be polled
  int end() const { return end_; }        // readable when it has ended
  // What it wrote; nothing now. False: there will be nothing more.
  bool read(std::string& into) const;
  void signal(int number) const;
  // Waits. The status of waitpid.
  int wait();

 private:
  Process(pid_t pid, int output, int end) : pid_(pid), output_(output), end_(end) {}
  void close_all();

  pid_t pid_ = -1;  // -1: ended, and waited for
  int output_ = -1;
  int end_ = -1;
};

// "exited with status 1", "was killed by signal 9".
std::string end_text(int status);

}  // namespace vmq::cluster::etcd
