#include "wire/signer.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <new>
#include <utility>
#include <vector>

namespace camshaft::wire {

namespace {

struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using DigestContext = std::unique_ptr<EVP_MD_CTX, ContextDeleter>;

DigestContext new_context() {
  DigestContext context(EVP_MD_CTX_new());
  if (!context) throw std::bad_alloc();
  return context;
}

// A hash by the name that Python's hashlib gives it; OpenSSL spells a few differently.
const EVP_MD* find_digest(std::string_view name) {
  static constexpr std::pair<std::string_view, const char*> kSpelledDifferently[] = {
      {"sha3_224", "SHA3-224"}, {"sha3_256", "SHA3-256"},  {"sha3_384", "SHA3-384"},
      {"sha3_512", "SHA3-512"}, {"blake2b", "BLAKE2b512"}, {"blake2s", "BLAKE2s256"}};
  for (const auto& [python, openssl] : kSpelledDifferently)
    if (name == python) return EVP_get_digestbyname(openssl);
  return EVP_get_digestbyname(std::string(name).c_str());
}

std::string hex(const unsigned char* bytes, unsigned int size) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(2 * std::size_t{size}, '\0');
  for (unsigned int i = 0; i < size; ++i) {
    text[2 * i] = kDigits[bytes[i] >> 4];
    text[2 * i + 1] = kDigits[bytes[i] & 15];
  }
  return text;
}

}  // namespace

// HMAC (RFC 2104) with the padded keys hashed once: per message only the parts themselves are digested. OpenSSL's own
// EVP_MAC re-derives them at every init, which costs more than the digest of a short message.
struct Signer::State {
  DigestContext inner = new_context();  // has taken key ^ ipad
  DigestContext outer = new_context();  // has taken key ^ opad
  DigestContext work = new_context();
};

Signer::Signer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Signer::Signer(Signer&&) noexcept = default;
Signer& Signer::operator=(Signer&&) noexcept = default;
Signer::~Signer() = default;

Signer Signer::off() { return Signer(nullptr); }

Result<Signer> Signer::make(std::string_view scheme, std::string_view key) {
  constexpr std::string_view kPrefix = "hmac-";
  const EVP_MD* digest = nullptr;
  if (scheme.substr(0, kPrefix.size()) == kPrefix) digest = find_digest(scheme.substr(kPrefix.size()));
  if (digest == nullptr || EVP_MD_get_size(digest) <= 0 || EVP_MD_get_block_size(digest) < 16)
    return Error{Errc::bad_value, "signature scheme '" + std::string(scheme) +
                                      "' is not known; use hmac-sha256 (or hmac-<hash> with a hash of OpenSSL)"};
  if (key.empty()) return off();

  const auto block = static_cast<std::size_t>(EVP_MD_get_block_size(digest));
  std::vector<unsigned char> padded(block, 0);
  if (key.size() > block) {
    unsigned int size = 0;
    std::array<unsigned char, EVP_MAX_MD_SIZE> hashed{};
    EVP_Digest(key.data(), key.size(), hashed.data(), &size, digest, nullptr);
    std::copy_n(hashed.begin(), size, padded.begin());
  } else {
    std::copy(key.begin(), key.end(), padded.begin());
  }
  auto state = std::make_unique<State>();
  auto absorb = [&](EVP_MD_CTX* context, unsigned char pad) {
    std::vector<unsigned char> mixed(padded);
    for (unsigned char& byte : mixed) byte ^= pad;
    EVP_DigestInit_ex(context, digest, nullptr);
    EVP_DigestUpdate(context, mixed.data(), mixed.size());
  };
  absorb(state->inner.get(), 0x36);
  absorb(state->outer.get(), 0x5c);
  return Signer(std::move(state));
}

bool Signer::enabled() const { return state_ != nullptr; }

std::string Signer::sign(const std::array<std::string_view, 4>& parts) const {
  if (!state_) return {};
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_MD_CTX* work = state_->work.get();
  EVP_MD_CTX_copy_ex(work, state_->inner.get());
  for (std::string_view part : parts) EVP_DigestUpdate(work, part.data(), part.size());
  EVP_DigestFinal_ex(work, digest.data(), &size);
  EVP_MD_CTX_copy_ex(work, state_->outer.get());
  EVP_DigestUpdate(work, digest.data(), size);
  EVP_DigestFinal_ex(work, digest.data(), &size);
  return hex(digest.data(), size);
}

bool Signer::verifies(const std::array<std::string_view, 4>& parts, std::string_view signature) const {
  if (!state_) return true;
  const std::string expected = sign(parts);
  return expected.size() == signature.size() && CRYPTO_memcmp(expected.data(), signature.data(), expected.size()) == 0;
}

Signer Signer::clone() const {
  if (!state_) return off();
  auto copy = std::make_unique<State>();
  EVP_MD_CTX_copy_ex(copy->inner.get(), state_->inner.get());
  EVP_MD_CTX_copy_ex(copy->outer.get(), state_->outer.get());
  return Signer(std::move(copy));
}

}  // namespace camshaft::wire
