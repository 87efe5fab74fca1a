#include "auth/hash.h"

#include <gtest/gtest.h>

namespace vmq::auth {
namespace {

// Made with Python's hashlib and base64: salt bytes 1 to 12.
constexpr std::string_view golden_sha512 =
    "$6$AQIDBAUGBwgJCgsM$k4h6DJTPKKgPqwiLW87w0j5t6eo2nkDOCc72xNQ6goxbMrAMEDvsnYteF9SSd1cyXtc8SuF5I0"
    "GVPt7YRi6Wdw==";
// The same with hashlib.pbkdf2_hmac.
constexpr std::string_view golden_pbkdf2 =
    "$7$101$AQIDBAUGBwgJCgsM$mIOMyf0G01/LkKvFuu6raA+sJydkdh2qDZD+cyTDcrMk08Rnc3N+vIiTgRJqnolJL9"
    "TU+/R/F+mbz31mQG16jg==";
// Made with argon2id_hash_encoded of the reference library.
constexpr std::string_view golden_argon2 =
    "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$uL2hQzJmxaz0Tfm2KK6uNjA0+UvbrHBEBwVmJYrNX"
    "CE";
constexpr std::string_view golden_argon2_two_lanes =
    "$argon2id$v=19$m=256,t=3,p=2$c2FsdHNhbHQ$2BGvieDEjt16HJm9Qn2fvw1boC26KCmC";

bool fits(std::string_view hash, std::string_view password) {
  const auto verifier = parse_hash(hash);
  EXPECT_TRUE(verifier.has_value()) << hash;
  return verifier && matches(*verifier, password);
}

HashError fault(std::string_view hash) {
  const auto verifier = parse_hash(hash);
  EXPECT_FALSE(verifier.has_value()) << hash;
  return verifier ? HashError::NoMemory : verifier.error();
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string result(text);
  const std::size_t at = result.find(from);
  EXPECT_NE(at, result.npos) << from;
  return result.replace(at, from.size(), to);
}

TEST(Hash, a_line_made_elsewhere_verifies) {
  EXPECT_TRUE(fits(golden_sha512, "correct horse"));
  EXPECT_TRUE(fits(golden_argon2, "correct horse"));
  EXPECT_TRUE(fits(golden_argon2_two_lanes, "correct horse"));
  EXPECT_TRUE(
      fits("$6$//79c2FsdHlzYWx0$9vtQtXnAvberVPArtihEiIro28M96/XwbX4BifwMfZRvHZULIRzV9TyQxx8h"
           "k0lqAlTXSpD+DhabWHnZJ6qfGQ==",
           "p\xC3\xA4ss:w\xC3\xB6rd"));
}

TEST(Hash, a_line_of_mosquittos_verifies) {
  EXPECT_TRUE(fits(golden_pbkdf2, "correct horse"));
  EXPECT_FALSE(fits(golden_pbkdf2, "correct hors"));
  EXPECT_FALSE(fits(replaced(golden_pbkdf2, "$101$", "$102$"), "correct horse"));
  EXPECT_EQ(fault(replaced(golden_pbkdf2, "$101$", "$0$")), HashError::Malformed);
  EXPECT_EQ(fault(replaced(golden_pbkdf2, "$101$", "$$")), HashError::Malformed);
  EXPECT_EQ(fault(replaced(golden_pbkdf2, "$101$", "$500001$")), HashError::TooCostly);
  EXPECT_EQ(fault(golden_pbkdf2.substr(0, 30)), HashError::Malformed);
}

TEST(Hash, another_password_does_not_fit) {
  for (std::string_view wrong : {"correct hors", "correct horse ", "Correct horse", ""}) {
    EXPECT_FALSE(fits(golden_sha512, wrong));
    EXPECT_FALSE(fits(golden_argon2, wrong));
  }
  EXPECT_FALSE(fits(golden_sha512, std::string_view("correct horse\0", 14)));
}

TEST(Hash, another_salt_does_not_fit) {
  EXPECT_FALSE(fits(replaced(golden_sha512, "AQID", "AQIE"), "correct horse"));
  EXPECT_FALSE(fits(replaced(golden_argon2, "c29t", "c29u"), "correct horse"));
}

TEST(Hash, an_empty_password_is_a_password) {
  EXPECT_TRUE(
      fits("$6$MDEyMzQ1Njc4OWFi$D1Wmwbo//Ju+TOxH6D+S+wXsEYYnYfPIcZXq2z8FSWAnek/S+F/spLYb2grR"
           "5FPUl7wZyHna669O5GZ4DjHmyw==",
           ""));
}

TEST(Hash, new_lines_have_the_known_text_for_a_known_salt) {
  const std::uint8_t salt[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  EXPECT_EQ(hash_sha512("correct horse", salt).value(), golden_sha512);
  EXPECT_EQ(hash_argon2id("correct horse", as_bytes("somesaltsomesalt"), {64, 2, 1}).value(),
            golden_argon2);
}

TEST(Hash, a_new_argon2id_line_names_its_cost_and_verifies) {
  const std::string line = hash_argon2id("secret", as_bytes("0123456789abcdef")).value();
  EXPECT_EQ(line.rfind("$argon2id$v=19$m=16384,t=6,p=1$", 0), 0u) << line;
  EXPECT_TRUE(fits(line, "secret"));
  EXPECT_FALSE(fits(line, "Secret"));
}

TEST(Hash, text_that_is_no_hash_is_told_from_a_broken_one) {
  for (std::string_view plain : {"", "secret", "$", "$$", "se$6$cret", "$6", "$6 is cheap"}) {
    EXPECT_EQ(fault(plain), HashError::NotAHash) << plain;
  }
  for (std::string_view unknown : {"$5$101$c2FsdA==$aGFzaA==", "$2b$12$abc", "$argon2i$v=19$x"}) {
    EXPECT_EQ(fault(unknown), HashError::UnknownKind) << unknown;
  }
}

TEST(Hash, a_cut_or_misspelt_sha512_line_is_malformed) {
  EXPECT_EQ(fault("$6$"), HashError::Malformed);
  EXPECT_EQ(fault("$6$AQIDBAUGBwgJCgsM"), HashError::Malformed);
  EXPECT_EQ(fault("$6$AQIDBAUGBwgJCgsM$"), HashError::Malformed);
  EXPECT_EQ(fault(golden_sha512.substr(0, golden_sha512.size() - 1)), HashError::Malformed);
  EXPECT_EQ(fault(golden_sha512.substr(0, golden_sha512.size() - 4)), HashError::Malformed);
  EXPECT_EQ(fault(std::string(golden_sha512) + "A"), HashError::Malformed);
  EXPECT_EQ(fault(replaced(golden_sha512, "$AQIDBAUGBwgJCgsM", "$")), HashError::Malformed);
  EXPECT_EQ(fault(replaced(golden_sha512, "AQID", "AQ\nD")), HashError::Malformed);
  EXPECT_EQ(fault(replaced(golden_sha512, "dw==", "dx==")), HashError::Malformed);  // stray bits
}

TEST(Hash, a_misspelt_argon2id_line_is_malformed) {
  const auto broken = [](std::string_view from, std::string_view to) {
    return fault(replaced(golden_argon2, from, to));
  };
  EXPECT_EQ(broken("v=19", "v=16"), HashError::Malformed);
  EXPECT_EQ(broken("v=19$", ""), HashError::Malformed);
  EXPECT_EQ(broken("m=64", "m=7"), HashError::Malformed);
  EXPECT_EQ(broken("t=2", "t=0"), HashError::Malformed);
  EXPECT_EQ(broken("p=1", "p=0"), HashError::Malformed);
  EXPECT_EQ(broken("p=1", "p=-1"), HashError::Malformed);
  EXPECT_EQ(broken("m=64,", "m=99999999999,"), HashError::Malformed);
  EXPECT_EQ(broken("$c29tZXNhbHRzb21lc2FsdA", "$c2FsdA"), HashError::Malformed);  // short salt
  EXPECT_EQ(broken("VmJYrNXCE", "VmJYrNXCE="), HashError::Malformed);
  EXPECT_EQ(broken("VmJYrNXCE", "VmJYrN CE"), HashError::Malformed);
  EXPECT_EQ(broken("VmJYrNXCE", "VmJYrNXCF"), HashError::Malformed);  // bits beyond the last byte
}

TEST(Hash, a_line_that_asks_for_too_much_memory_or_time_is_refused) {
  EXPECT_EQ(fault(replaced(golden_argon2, "m=64", "m=65537")), HashError::TooCostly);
  EXPECT_EQ(fault(replaced(golden_argon2, "t=2", "t=17")), HashError::TooCostly);
  EXPECT_EQ(fault(replaced(golden_argon2, "p=1", "p=5")), HashError::TooCostly);
  EXPECT_TRUE(parse_hash(replaced(golden_argon2, "m=64", "m=65536")).has_value());
}

}  // namespace
}  // namespace vmq::auth
