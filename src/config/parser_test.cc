#include "config/parser.h"

#include <gtest/gtest.h>

#include <map>

namespace vmq::config {
namespace {

// Files in memory. A pattern with * names those of that folder that start with what stands before.
class Files {
 public:
  Files(std::initializer_list<std::pair<const std::string, std::string>> files) : files_(files) {}

  FileLoader loader() const {
    return {[this](const std::string& path) -> Result<std::string, std::string> {
              const auto file = files_.find(path);
              if (file == files_.end()) return failure(std::string("no such file"));
              return file->second;
            },
            [this](const std::string& pattern) -> Result<std::vector<std::string>, std::string> {
              const std::size_t star = pattern.find('*');
              std::vector<std::string> paths;
              for (const auto& [path, text] : files_) {
                const bool is_hit = star == std::string::npos
                                        ? path == pattern
                                        : path.starts_with(pattern.substr(0, star)) &&
                                              path.find('/', star) == std::string::npos;
                if (is_hit) paths.push_back(path);
              }
              return paths;
            }};
  }
  Parsed parse(const std::string& path) const { return parse_file(path, loader()); }

 private:
  std::map<std::string, std::string> files_;
};

Parsed parse(std::string_view text) { return parse_text(text, "a.conf", no_files()); }

// The only value of a text that must have no errors.
std::string value_of(std::string_view text) {
  const Parsed parsed = parse(text);
  if (!parsed.errors.empty()) return "error: " + parsed.errors.front().reason;
  if (parsed.entries.size() != 1) return "not one entry";
  std::string value;
  for (const Piece& piece : parsed.entries.front().pieces) {
    value += piece.is_reference ? "<" + piece.text + ">" : piece.text;
  }
  return value;
}

std::string error_of(std::string_view text) {
  const Parsed parsed = parse(text);
  if (parsed.errors.size() != 1) return "errors: " + std::to_string(parsed.errors.size());
  const ConfigError& error = parsed.errors.front();
  return std::to_string(error.origin.line) + ":" + std::to_string(error.origin.column) + ": " +
         error.reason;
}

TEST(Grammar, blanks_around_the_equals_sign_do_not_matter) {
  EXPECT_EQ(value_of("key=value"), "value");
  EXPECT_EQ(value_of("  key\t = \t value  "), "value");
  EXPECT_EQ(value_of("key = two words \n"), "two words");
  EXPECT_EQ(value_of("key ="), "");
}

TEST(Grammar, line_ends_and_byte_order_mark_are_dropped) {
  EXPECT_EQ(value_of("key = value\r\n"), "value");
  EXPECT_EQ(value_of("\xEF\xBB\xBFkey = value"), "value");
  EXPECT_EQ(parse("a = 1\r\nb = 2\r\n").entries.size(), 2u);
}

TEST(Grammar, a_plain_value_ends_at_the_first_hash) {
  EXPECT_EQ(value_of("key = a#b"), "a");
  EXPECT_EQ(value_of("key = a # b"), "a");
  EXPECT_EQ(value_of("# key = a\n\n  # more\nkey = b"), "b");
  EXPECT_EQ(value_of("# \xFF is no UTF-8\nkey = b"), "b");
}

TEST(Grammar, quotes_keep_what_is_inside) {
  EXPECT_EQ(value_of("key = '#/a $(b) '"), "#/a $(b) ");
  EXPECT_EQ(value_of("key = 'a' # comment"), "a");
  EXPECT_EQ(value_of("key = ''"), "");
  EXPECT_EQ(value_of("key = * in 0 'a b'"), "* in 0 'a b'");
}

TEST(Grammar, three_quotes_go_over_lines) {
  EXPECT_EQ(value_of("key = '''one\n# two\n'three' '''"), "one\n# two\n'three' ");
  const Parsed parsed = parse("key = '''one\ntwo''' # comment\nother = 1");
  ASSERT_EQ(parsed.entries.size(), 2u);
  EXPECT_EQ(parsed.entries[1].origin.line, 3);
}

TEST(Grammar, references_to_keys_are_pieces) {
  EXPECT_EQ(value_of("key = $(a.b)/x$( c )"), "<a.b>/x<c>");
  EXPECT_EQ(value_of("key = a$(b"), "a$(b");
}

TEST(Grammar, errors_say_line_and_column) {
  EXPECT_EQ(error_of("key value"), "1:5: \"=\" is expected here");
  EXPECT_EQ(error_of("\n  key = 'a"), "2:9: the quote is not closed on its line");
  EXPECT_EQ(error_of("key = 'a' b"), "1:11: only a comment may follow the closing quote");
  EXPECT_EQ(error_of("a..b = 1"), "1:3: the key has an empty word here");
  EXPECT_EQ(error_of("= 1"), "1:1: a key is expected here");
  EXPECT_EQ(error_of("k\xC3\xA9y = 1"), "1:2: \"=\" is expected here");
  EXPECT_EQ(error_of("key = '\xC3\xA9' x"), "1:11: only a comment may follow the closing quote");
  EXPECT_EQ(error_of("a = 1\nkey = '''b\nc"), "2:7: ''' is not closed in this file");
  EXPECT_EQ(error_of("include a?.conf"),
            "1:1: include takes a path of letters, digits, - _ . / and *");
}

TEST(Grammar, values_are_text) {
  const std::string reason = "1:7: the value holds a control character or is not UTF-8";
  EXPECT_EQ(error_of("key = a\x01"), reason);
  EXPECT_EQ(error_of(std::string("key = a\0b", 9)), reason);
  EXPECT_EQ(error_of("key = \xFF"), reason);
  EXPECT_EQ(error_of("key = \xC0\x80"), reason);
  EXPECT_EQ(error_of("key = \xED\xA0\x80"), reason);
  EXPECT_EQ(error_of("key = \xF4\x90\x80\x80"), reason);
  EXPECT_EQ(error_of("key = \xE2\x82"), reason);
  EXPECT_EQ(value_of("key = \xE2\x82\xAC \xF0\x9F\x98\x80"), "\xE2\x82\xAC \xF0\x9F\x98\x80");
}

TEST(Grammar, reading_goes_on_after_an_error) {
  const Parsed parsed = parse("a\nb = 1\n'c'\nd = 2\n");
  EXPECT_EQ(parsed.errors.size(), 2u);
  EXPECT_EQ(parsed.entries.size(), 2u);
}

TEST(Grammar, the_number_of_errors_is_bounded) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "bad line\n";
  EXPECT_EQ(parse(text).errors.size(), kErrorsMax);
}

TEST(Grammar, a_key_may_be_called_include) {
  const Parsed parsed = parse("include = 1\nincluded.x = 2");
  EXPECT_EQ(parsed.entries.size(), 2u);
}

TEST(Include, files_are_read_at_that_point_beside_the_including_one) {
  const Files files({{"etc/a.conf", "a = 1\ninclude conf.d/*.conf # more\nd = 4\n"},
                     {"etc/conf.d/1.conf", "b = 2\n"},
                     {"etc/conf.d/2.conf", "include ../sub.conf\n"},
                     {"etc/conf.d/../sub.conf", "c = 3\n"}});
  const Parsed parsed = files.parse("etc/a.conf");
  ASSERT_TRUE(parsed.errors.empty()) << parsed.errors.front().reason;
  std::string order;
  for (const Entry& entry : parsed.entries) order += entry.words.front();
  EXPECT_EQ(order, "abcd");
  EXPECT_EQ(parsed.entries[1].origin.file, "etc/conf.d/1.conf");
  EXPECT_EQ(parsed.files.size(), 4u);
}

TEST(Include, a_pattern_without_files_is_fine_and_a_missing_file_is_warned_about) {
  EXPECT_TRUE(Files({{"a", "include conf.d/*.conf"}}).parse("a").warnings.empty());
  const Parsed parsed = Files({{"a", "include b.conf"}}).parse("a");
  EXPECT_TRUE(parsed.errors.empty());
  ASSERT_EQ(parsed.warnings.size(), 1u);
  EXPECT_EQ(parsed.warnings.front().text, "b.conf does not exist");
}

TEST(Include, a_file_cannot_include_itself) {
  const Parsed parsed = Files({{"a", "include b"}, {"b", "x = 1\ninclude a"}}).parse("a");
  ASSERT_EQ(parsed.errors.size(), 1u);
  EXPECT_EQ(parsed.errors.front().reason, "a includes itself");
  EXPECT_EQ(parsed.errors.front().origin.file, "b");
  EXPECT_EQ(parsed.errors.front().origin.line, 2);
}

TEST(Include, depth_is_bounded) {
  // Ten files are ten levels; the eleventh is one too many.
  const Files files({{"1", "include 2"},
                     {"2", "include 3"},
                     {"3", "include 4"},
                     {"4", "include 5"},
                     {"5", "include 6"},
                     {"6", "include 7"},
                     {"7", "include 8"},
                     {"8", "include 9"},
                     {"9", "include 10"},
                     {"10", "include 11"},
                     {"11", "a = 1"}});
  const Parsed parsed = files.parse("1");
  ASSERT_EQ(parsed.errors.size(), 1u);
  EXPECT_EQ(parsed.errors.front().reason, "includes are nested deeper than 10");
  EXPECT_TRUE(Files({{"1", "include 2"}, {"2", "a = 1"}}).parse("1").errors.empty());
}

TEST(Include, a_file_that_cannot_be_read_is_an_error) {
  const Parsed parsed = Files({}).parse("a.conf");
  ASSERT_EQ(parsed.errors.size(), 1u);
  EXPECT_EQ(parsed.errors.front().reason, "cannot read a.conf: no such file");
  EXPECT_EQ(parsed.errors.front().origin.line, 0);
}

TEST(FileValue, loses_its_last_newline_and_nothing_else) {
  const auto value = [](const std::string& content) {
    const Parsed parsed =
        Files({{"etc/a", "key = x$(<secret)y"}, {"etc/secret", content}}).parse("etc/a");
    std::string text;
    for (const Piece& piece : parsed.entries.at(0).pieces) {
      EXPECT_FALSE(piece.is_reference);
      text += piece.text;
    }
    return text;
  };
  EXPECT_EQ(value("s\n"), "xsy");
  EXPECT_EQ(value("s\r\n"), "xsy");
  EXPECT_EQ(value("s\n\n"), "xs\ny");
  EXPECT_EQ(value("#$(a)"), "x#$(a)y");
}

TEST(FileValue, a_missing_file_is_an_error_of_that_key) {
  const Parsed parsed = Files({{"etc/a", "key = $(<secret)"}}).parse("etc/a");
  ASSERT_EQ(parsed.errors.size(), 1u);
  EXPECT_EQ(parsed.errors.front().key, "key");
  EXPECT_EQ(parsed.errors.front().reason, "cannot read etc/secret: no such file");
}

TEST(Limits, files_values_and_parts_are_bounded) {
  EXPECT_EQ(parse(std::string(kFileBytesMax + 1, '#')).errors.size(), 1u);
  EXPECT_TRUE(parse(std::string(kFileBytesMax, '#')).errors.empty());
  std::string parts = "key = ";
  for (int i = 0; i < 101; ++i) parts += "$(a)";
  EXPECT_EQ(error_of(parts), "1:7: the value is made of too many parts");
  EXPECT_EQ(parse("key = " + std::string(65537, 'x')).errors.size(), 1u);
}

}  // namespace
}  // namespace vmq::config
