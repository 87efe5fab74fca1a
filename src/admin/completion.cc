#include "admin/completion.h"

#include <map>
#include <set>
#include <string_view>

#include "admin/command.h"

namespace vmq::admin {
namespace {

constexpr std::string_view kHead =
    R"(# Completion of vmq-admin for bash, made from its table of commands.

_vmq_admin() {
  local current=${COMP_WORDS[COMP_CWORD]} line= name= candidates= word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ -z $line && $word == -c || $word == -rpctimeout ]]; then
      ((i++))
      continue
    fi
    [[ $word == -* || $word == = || ${COMP_WORDS[i+1]} == = ]] && break
    line+="${line:+ }$word"
  done
  if [[ $current == = ]]; then
    name=${COMP_WORDS[COMP_CWORD-1]} current=
  elif ((COMP_CWORD > 1)) && [[ ${COMP_WORDS[COMP_CWORD-1]} == = ]]; then
    name=${COMP_WORDS[COMP_CWORD-2]}
  fi
  if [[ -n $name ]]; then
    case "$line $name" in
)";

constexpr std::string_view kMiddle = R"(      *" --format") candidates="human json csv" ;;
    esac
  else
    case $line in
)";

constexpr std::string_view kTail = R"(    esac
  fi
  COMPREPLY=($(compgen -W "$candidates" -- "$current"))
  [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null
  return 0
}

complete -F _vmq_admin vmq-admin)";

std::string typed(const Arg& arg) {
  return (arg.kind == ArgKind::KeyValue ? "" : "--") + std::string(arg.name);
}

// By the words before: the words that may come next.
std::map<std::string, std::set<std::string>> next_words() {
  std::map<std::string, std::set<std::string>> next;
  for (const Command& command : commands()) {
    std::string before;
    std::string_view rest = command.words;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(' '), rest.size());
      const std::string word(rest.substr(0, end));
      next[before].insert(word);
      before += (before.empty() ? "" : " ") + word;
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    std::set<std::string>& behind = next[before];
    behind.insert("--help");
    behind.insert("--format=");
    for (const Arg& arg : command.args) {
      behind.insert(typed(arg) + (arg.value == Value::Required ? "=" : ""));
    }
  }
  return next;
}

}  // namespace

std::string bash_completion() {
  std::string out(kHead);
  for (const Command& command : commands()) {
    for (const Arg& arg : command.args) {
      if (arg.words.empty()) continue;
      std::string words(arg.words);
      for (char& c : words) c = c == '|' ? ' ' : c;
      out += "      \"" + std::string(command.words) + " " + typed(arg) + "\") candidates=\"" +
             words + "\" ;;\n";
    }
  }
  out += kMiddle;
  for (const auto& [before, words] : next_words()) {
    out += "      \"" + before + "\")\n        candidates=\"";
    std::string list;
    for (const std::string& word : words) list += (list.empty() ? "" : " ") + word;
    out += list + "\" ;;\n";
  }
  out += kTail;
  return out;
}

}  // namespace vmq::admin
