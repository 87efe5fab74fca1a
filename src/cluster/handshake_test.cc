#include "cluster/handshake.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/rng.h"

namespace vmq::cluster {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Role = Handshake::Role;
using State = Handshake::State;

std::string hex(ByteView bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

Bytes unhex(std::string_view text) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(
        static_cast<std::uint8_t>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

Hello dialler_hello() {
  Hello hello;
  hello.shard = 2;
  hello.shards = 4;
  hello.member = 7;
  hello.cluster = 0x0102030405060708;
  hello.nonce.fill(0xd1);
  hello.name = "a@10.0.0.1";
  return hello;
}

Hello accepter_hello() {
  Hello hello;
  hello.shards = 2;
  hello.member = 9;
  hello.cluster = 0x0102030405060708;
  hello.nonce.fill(0xa2);
  hello.name = "b@10.0.0.2";
  return hello;
}

Handshake dialler(Hello hello = dialler_hello(), std::string cookie = "vmq",
                  Handshake::Judge judge = {}) {
  return Handshake({Role::Dialler, std::move(hello), std::move(cookie), std::move(judge)});
}
Handshake accepter(Hello hello = accepter_hello(), std::string cookie = "vmq",
                   Handshake::Judge judge = {}) {
  return Handshake({Role::Accepter, std::move(hello), std::move(cookie), std::move(judge)});
}

// Carries bytes between both until they are quiet, in pieces of `step`. Returns what each has said.
struct Talk {
  Bytes dialled;
  Bytes accepted;
};
Talk talk(Handshake& a, Handshake& b, std::size_t step = 1000, std::string_view channel_a = {},
          std::string_view channel_b = {}) {
  Talk said;
  Bytes to_b;
  Bytes to_a;
  a.begin(as_bytes(channel_a), to_b);
  b.begin(as_bytes(channel_b), to_a);
  const auto give = [step](Handshake& to, Bytes& bytes, Bytes& answer) {
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      const ByteView piece = ByteView(bytes).subspan(at, std::min(step, bytes.size() - at));
      const std::size_t taken = to.receive(piece, answer);
      EXPECT_TRUE(taken == piece.size() || to.state() != State::Running);
    }
    bytes.clear();
  };
  while (!to_a.empty() || !to_b.empty()) {
    said.dialled.insert(said.dialled.end(), to_b.begin(), to_b.end());
    said.accepted.insert(said.accepted.end(), to_a.begin(), to_a.end());
    give(b, to_b, to_a);
    said.accepted.insert(said.accepted.end(), to_a.begin(), to_a.end());
    give(a, to_a, to_b);
  }
  return said;
}

// The bytes of docs/formats/link-handshake.md.
constexpr std::string_view golden_dialler_hello =
    "003f01564d514c010101020400070102030405060708d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1"
    "d1"
    "d1d1d1d1d1d10a614031302e302e302e31";
constexpr std::string_view golden_accepter_hello =
    "003f01564d514c010101020200090102030405060708a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2"
    "a2"
    "a2a2a2a2a2a20a624031302e302e302e32";
constexpr std::string_view golden_proof =
    "00210239657b9d71e5e87576d2eabc07bc49efacee63a3b36b794a20f43533b3b6c2d3";
constexpr std::string_view golden_proof_over_channel =
    "0021028bcc76589b985229180784271fc02d7559f3e34444e80bfae2f040439e06747e";
constexpr std::string_view golden_welcome =
    "002103fb017aec6b41796bd5b85dc8c39fda8cf397d4a40ee1a3c909951a6ea30b211f";
constexpr std::string_view golden_refusal = "00100403636f6f6b69657320646966666572";

TEST(Handshake, SaysTheBytesOfItsDocument) {
  Handshake a = dialler();
  Handshake b = accepter();
  const Talk said = talk(a, b);
  EXPECT_EQ(hex(said.dialled), std::string(golden_dialler_hello) + std::string(golden_proof));
  EXPECT_EQ(hex(said.accepted), std::string(golden_accepter_hello) + std::string(golden_welcome));
  ASSERT_EQ(a.state(), State::Agreed);
  ASSERT_EQ(b.state(), State::Agreed);
  EXPECT_EQ(a.version(), 1);
  EXPECT_EQ(*b.peer(), dialler_hello());
  EXPECT_EQ(a.peer()->name, "b@10.0.0.2");
  EXPECT_EQ(a.peer()->member, 9);
}

TEST(Handshake, ComesInAnyPieces) {
  for (std::size_t step = 1; step < 70; ++step) {
    Handshake a = dialler();
    Handshake b = accepter();
    talk(a, b, step);
    EXPECT_EQ(a.state(), State::Agreed) << step;
    EXPECT_EQ(b.state(), State::Agreed) << step;
  }
}

TEST(Handshake, LeavesWhatFollowsItToTheStream) {
  Handshake a = dialler();
  Handshake b = accepter();
  Bytes hello;
  Bytes answer;
  a.begin({}, hello);
  b.receive(hello, answer);
  Bytes proof;
  a.receive(answer, proof);
  Bytes welcome;
  b.receive(proof, welcome);
  const std::size_t size = welcome.size();
  welcome.insert(welcome.end(), {1, 2, 3});
  Bytes nothing;
  EXPECT_EQ(a.receive(welcome, nothing), size);
  EXPECT_EQ(a.state(), State::Agreed);
  EXPECT_TRUE(nothing.empty());
}

TEST(Handshake, RefusesAnotherCookieAndSaysNoMore) {
  bool was_asked = false;
  Handshake a = dialler(dialler_hello(), "vmq");
  Handshake b = accepter(accepter_hello(), "other", [&](const Hello&) -> std::optional<Refusal> {
    was_asked = true;
    return std::nullopt;
  });
  const Talk said = talk(a, b);
  EXPECT_EQ(hex(said.accepted), std::string(golden_accepter_hello) + std::string(golden_refusal));
  ASSERT_EQ(a.state(), State::Refused);
  ASSERT_EQ(b.state(), State::Refused);
  EXPECT_EQ(a.refusal(), (Refusal{RefusalCode::Cookie, "cookies differ"}));
  EXPECT_TRUE(a.is_refused_by_peer());
  EXPECT_FALSE(b.is_refused_by_peer());
  EXPECT_FALSE(was_asked);
}

TEST(Handshake, ARefusalSaysWhatToDo) {
  Handshake a = dialler(dialler_hello(), "vmq");
  Handshake b = accepter(accepter_hello(), "other");
  talk(a, b);
  const std::string advice =
      "cookies differ; set the same distributed_cookie on all nodes of the cluster, and restart "
      "those that had another";
  EXPECT_EQ(describe_refusal(a, "10.0.0.2:44053"), "b@10.0.0.2 says: " + advice);
  EXPECT_EQ(describe_refusal(b, "10.0.0.1:50000"), "a@10.0.0.1: " + advice);
}

TEST(Handshake, AnAccepterProvesTheCookieToo) {
  Handshake a = dialler();
  Bytes out;
  a.begin({}, out);
  out.clear();
  a.receive(unhex(golden_accepter_hello), out);
  EXPECT_EQ(hex(out), golden_proof);
  Bytes forged = unhex(golden_welcome);
  forged.back() ^= 1;
  out.clear();
  a.receive(forged, out);
  ASSERT_EQ(a.state(), State::Refused);
  EXPECT_EQ(a.refusal().code, RefusalCode::Cookie);
  EXPECT_EQ(hex(out), golden_refusal);
}

TEST(Handshake, AProofIsGoodForItsRoleAndItsNoncesOnly) {
  // The accepter's own welcome sent back to it, and the proof of an earlier conversation.
  for (const std::string_view mac : {golden_welcome, golden_proof}) {
    Hello self = accepter_hello();
    if (mac == golden_proof) self.nonce.fill(0xa3);
    Handshake b = accepter(self);
    Bytes out;
    b.begin({}, out);
    b.receive(unhex(golden_dialler_hello), out);
    Bytes proof = unhex(mac);
    proof[2] = 2;
    b.receive(proof, out);
    ASSERT_EQ(b.state(), State::Refused);
    EXPECT_EQ(b.refusal().code, RefusalCode::Cookie);
  }
}

TEST(Handshake, AProofBelongsToItsEncryptedChannel) {
  Handshake a = dialler();
  Handshake b = accepter();
  const Talk said = talk(a, b, 1000, "tls channel", "tls channel");
  EXPECT_EQ(b.state(), State::Agreed);
  EXPECT_NE(hex(said.dialled).find(golden_proof_over_channel), std::string::npos);
  // Somebody in between has a channel to each of them, and these differ.
  Handshake c = dialler();
  Handshake d = accepter();
  talk(c, d, 1000, "tls channel", "another channel");
  ASSERT_EQ(d.state(), State::Refused);
  EXPECT_EQ(d.refusal().code, RefusalCode::Cookie);
}

TEST(Handshake, NoByteOfAHelloCanBeChangedOnTheWay) {
  const Bytes hello = unhex(golden_dialler_hello);
  for (std::size_t at = 0; at < hello.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      Handshake b = accepter();
      Bytes out;
      b.begin({}, out);
      Bytes changed = hello;
      changed[at] = static_cast<std::uint8_t>(changed[at] ^ (1 << bit));
      b.receive(changed, out);
      if (b.state() == State::Running) b.receive(unhex(golden_proof), out);
      EXPECT_NE(b.state(), State::Agreed) << at << "." << bit;
    }
  }
}

TEST(Handshake, NamesTheVersionsWhenTheyDoNotMeet) {
  Hello next = dialler_hello();
  next.version_min = 2;
  next.version_max = 4;
  Handshake a = dialler(next);
  Handshake b = accepter();
  talk(a, b);
  ASSERT_EQ(a.state(), State::Refused);
  EXPECT_EQ(a.refusal().code, RefusalCode::Version);
  EXPECT_EQ(a.refusal().text,
            "no version of the link protocol in common: b@10.0.0.2 speaks 1 to 1, a@10.0.0.1 "
            "speaks 2 to 4");
  EXPECT_EQ(b.refusal(), a.refusal());
}

TEST(Handshake, AgreesOnTheHighestVersionThatBothSpeak) {
  Hello next = dialler_hello();
  next.version_max = 4;
  Hello other = accepter_hello();
  other.version_max = 3;
  Handshake a = dialler(next);
  Handshake b = accepter(other);
  talk(a, b);
  ASSERT_EQ(a.state(), State::Agreed);
  EXPECT_EQ(a.version(), 3);
  EXPECT_EQ(b.version(), 3);
}

TEST(Handshake, TwoNodesOfOneNameDoNotTalk) {
  Hello same = dialler_hello();
  same.name = accepter_hello().name;
  Handshake a = dialler(same);
  Handshake b = accepter();
  talk(a, b);
  ASSERT_EQ(a.state(), State::Refused);
  EXPECT_EQ(a.refusal().code, RefusalCode::DuplicateName);
  EXPECT_EQ(a.refusal().text,
            "both nodes have the name b@10.0.0.2: each needs a nodename of its own");
}

TEST(Handshake, EitherEndMayRefuseForItsOwnReasons) {
  const auto no = [](const Hello& peer) {
    return std::optional<Refusal>({RefusalCode::UnknownMember, peer.name + " is not known"});
  };
  Handshake a = dialler();
  Handshake b = accepter(accepter_hello(), "vmq", no);
  talk(a, b);
  EXPECT_EQ(a.refusal(), (Refusal{RefusalCode::UnknownMember, "a@10.0.0.1 is not known"}));
  Handshake c = dialler(dialler_hello(), "vmq", no);
  Handshake d = accepter();
  const Talk said = talk(c, d);
  EXPECT_EQ(d.refusal(), (Refusal{RefusalCode::UnknownMember, "b@10.0.0.2 is not known"}));
  EXPECT_TRUE(d.is_refused_by_peer());
  EXPECT_EQ(hex(said.dialled).find(golden_proof), std::string::npos);
}

TEST(Handshake, AnswersAControlConnectionAsOne) {
  Hello hello = dialler_hello();
  hello.purpose = LinkPurpose::Control;
  hello.member = no_member;
  hello.cluster = 0;
  Handshake a = dialler(hello);
  Handshake b = accepter();
  talk(a, b);
  ASSERT_EQ(b.state(), State::Agreed);
  EXPECT_EQ(b.peer()->purpose, LinkPurpose::Control);
  EXPECT_EQ(a.peer()->purpose, LinkPurpose::Control);
}

TEST(Handshake, ToWhoeverSpeaksSomethingElseNothingIsSaid) {
  for (const std::string_view junk :
       {std::string_view("GET / HTTP/1.1\r\n\r\n"),
        std::string_view("\x10\x0f\0\4MQTT\4\2\0\x3c\0\0", 14), std::string_view("\0\0", 2),
        std::string_view("\0\1\2", 3), std::string_view("\xff\xff\x01", 3),
        std::string_view("\0\2\4\3", 4)}) {
    Handshake b = accepter();
    Bytes out;
    b.begin({}, out);
    b.receive(as_bytes(junk), out);
    ASSERT_EQ(b.state(), State::Refused) << junk;
    EXPECT_EQ(b.refusal().code, RefusalCode::Malformed);
    EXPECT_TRUE(out.empty());
  }
}

TEST(Handshake, AWordOutOfTurnEndsIt) {
  Handshake b = accepter();
  Bytes out;
  b.begin({}, out);
  b.receive(unhex(golden_dialler_hello), out);
  b.receive(unhex(golden_dialler_hello), out);
  ASSERT_EQ(b.state(), State::Refused);
  EXPECT_EQ(b.refusal().code, RefusalCode::Malformed);
  Handshake a = dialler();
  a.begin({}, out);
  a.receive(unhex(golden_welcome), out);
  ASSERT_EQ(a.state(), State::Refused);
}

TEST(Handshake, AReasonThatComesCannotForgeALogLine) {
  Handshake a = dialler();
  Bytes out;
  a.begin({}, out);
  Bytes refusal = unhex("000a0402");
  for (const char c : std::string_view("no\nroot\x7f")) {
    refusal.push_back(static_cast<std::uint8_t>(c));
  }
  a.receive(refusal, out);
  EXPECT_EQ(a.refusal(), (Refusal{RefusalCode::Version, "no?root?"}));
}

TEST(Handshake, ALaterHelloIsUnderstoodAsFarAsItsVersions) {
  Bytes longer = unhex(golden_dialler_hello);
  longer[1] = static_cast<std::uint8_t>(longer[1] + 4);
  longer.insert(longer.end(), {9, 9, 9, 9});
  const std::optional<Hello> hello = parse_hello(longer);
  ASSERT_TRUE(hello);
  EXPECT_EQ(*hello, dialler_hello());
}

TEST(Handshake, AHelloWithASenselessFieldIsNone) {
  const Bytes sound = unhex(golden_dialler_hello);
  const auto with = [&sound](std::size_t at, std::uint8_t value) {
    Bytes bytes = sound;
    bytes[at] = value;
    return parse_hello(bytes).has_value();
  };
  EXPECT_TRUE(with(11, 4));
  EXPECT_FALSE(with(3, 'v'));  // magic
  EXPECT_FALSE(with(7, 2));    // version_min above version_max
  EXPECT_TRUE(with(9, 3));
  EXPECT_FALSE(with(9, 4));   // purpose
  EXPECT_FALSE(with(11, 0));  // shards
  EXPECT_FALSE(with(11, 65));
  EXPECT_FALSE(with(54, 11));  // a name longer than the message
  EXPECT_FALSE(with(54, 0));   // no name
  EXPECT_FALSE(with(55, '\n'));
  for (std::size_t size = 0; size < sound.size(); ++size) {
    EXPECT_FALSE(parse_hello(ByteView(sound).first(size)));
  }
}

TEST(Handshake, AShardThatTheDiallerDoesNotHaveIsRefused) {
  Hello hello = dialler_hello();
  hello.shard = 4;
  Handshake a = dialler(hello);
  Handshake b = accepter();
  talk(a, b);
  ASSERT_EQ(b.state(), State::Refused);
  EXPECT_EQ(b.refusal().text, "the hello contradicts itself");
}

TEST(Handshake, NoNoiseGetsThrough) {
  Rng rng(4);
  for (int round = 0; round < 20'000; ++round) {
    Handshake b = accepter();
    Bytes out;
    b.begin({}, out);
    Bytes bytes = unhex(golden_dialler_hello);
    const Bytes proof = unhex(golden_proof);
    bytes.insert(bytes.end(), proof.begin(), proof.end());
    const std::uint64_t changes = 1 + rng.below(4);
    const Bytes before = bytes;
    for (std::uint64_t i = 0; i < changes; ++i) {
      bytes[rng.below(bytes.size())] = static_cast<std::uint8_t>(rng.next());
    }
    if (bytes == before) continue;
    b.receive(bytes, out);
    ASSERT_NE(b.state(), State::Agreed) << hex(bytes);
  }
}

}  // namespace
}  // namespace vmq::cluster
