#include "cluster/batch/template.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace camshaft::cluster::batch {
namespace {

constexpr int kDeepest = 50;      // parentheses within parentheses
constexpr int kWidest = 1 << 12;  // characters that a width may ask for

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Recursive descent, one function a precedence: sum > product > sign > power > operand.
class Evaluator {
 public:
  Evaluator(std::string_view text, const Variables& variables) : text_(text), variables_(variables) {}

  Result<Value> run() {
    auto value = sum();
    skip_blanks();
    if (value && at_ < text_.size()) return wrong(fmt::format("'{}' is not understood", text_.substr(at_)));
    return value;
  }

 private:
  Result<Value> sum() {
    auto left = product();
    for (;;) {
      if (!left) return left;
      if (take("+"))
        left = combine('+', *left, product());
      else if (take("-"))
        left = combine('-', *left, product());
      else
        return left;
    }
  }

  Result<Value> product() {
    auto left = sign();
    for (;;) {
      if (!left) return left;
      if (peek("**")) return left;
      if (take("//"))
        left = combine('/', *left, sign());
      else if (take("/"))
        return wrong("/ makes fractions: write // to divide whole numbers");
      else if (take("*"))
        left = combine('*', *left, sign());
      else if (take("%"))
        left = combine('%', *left, sign());
      else
        return left;
    }
  }

  Result<Value> sign() {
    if (take("-")) {
      if (++depth_ > kDeepest) return wrong("too deeply nested");
      auto value = sign();
      --depth_;
      return value ? combine('-', Value(std::int64_t{0}), std::move(value)) : value;
    }
    return power();
  }

  Result<Value> power() {
    auto base = operand();
    if (!base || !take("**")) return base;
    if (++depth_ > kDeepest) return wrong("too deeply nested");
    auto exponent = sign();  // from right to left, as in Python
    --depth_;
    return combine('^', *base, std::move(exponent));
  }

  Result<Value> operand() {
    skip_blanks();
    if (at_ >= text_.size()) return wrong("something is missing at the end");
    if (take("(")) {
      if (++depth_ > kDeepest) return wrong("too deeply nested");
      auto inner = sum();
      --depth_;
      if (inner && !take(")")) return wrong("a ) is missing");
      return inner;
    }
    if (is_digit(text_[at_])) return number();
    if (!is_letter(text_[at_])) return wrong(fmt::format("'{}' is not understood", text_.substr(at_)));
    const std::size_t from = at_;
    while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]))) ++at_;
    const std::string_view name = text_.substr(from, at_ - from);
    if ((name == "min" || name == "max") && take("(")) return extreme(name == "min");
    const auto found = variables_.find(name);
    if (found != variables_.end()) return found->second;
    std::string known;
    for (const auto& [one, value] : variables_) known += (known.empty() ? "" : ", ") + one;
    return wrong(fmt::format("there is no variable '{}', only {}; braces that are meant as such are written twice",
                             name, known));
  }

  Result<Value> number() {
    std::int64_t value = 0;
    for (; at_ < text_.size() && is_digit(text_[at_]); ++at_) {
      if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, text_[at_] - '0', &value)) {
        return wrong("the number is too large");
      }
    }
    return Value(value);
  }

  Result<Value> extreme(bool least) {
    if (++depth_ > kDeepest) return wrong("too deeply nested");
    std::optional<std::int64_t> best;
    do {
      const auto one = sum();
      if (!one) return one.error();
      const auto* number = std::get_if<std::int64_t>(&*one);
      if (number == nullptr) return wrong("min and max take numbers");
      if (!best || (least ? *number < *best : *number > *best)) best = *number;
    } while (take(","));
    --depth_;
    if (!take(")")) return wrong("a ) is missing");
    return Value(*best);
  }

  Result<Value> combine(char what, const Value& left, Result<Value> right) const {
    if (!right) return right;
    const auto* a = std::get_if<std::int64_t>(&left);
    const auto* b = std::get_if<std::int64_t>(&*right);
    if (a == nullptr || b == nullptr) return wrong("only numbers can be reckoned with");
    std::int64_t out = 0;
    bool overflow = false;
    if (what == '+') overflow = __builtin_add_overflow(*a, *b, &out);
    if (what == '-') overflow = __builtin_sub_overflow(*a, *b, &out);
    if (what == '*') overflow = __builtin_mul_overflow(*a, *b, &out);
    if (what == '/' || what == '%') {
      if (*b == 0) return wrong("division by zero");
      if (*b == -1) {  // the smallest number has no counterpart
        overflow = what == '/' && __builtin_sub_overflow(std::int64_t{0}, *a, &out);
      } else {
        const std::int64_t rest = *a % *b;
        const bool uneven = rest != 0 && ((rest < 0) != (*b < 0));  // Python rounds towards minus infinity
        out = what == '/' ? *a / *b - (uneven ? 1 : 0) : rest + (uneven ? *b : 0);
      }
    }
    if (what == '^') {
      if (*b < 0 || *b > 64) return wrong("an exponent is between 0 and 64");
      out = 1;
      for (std::int64_t i = 0; i < *b && !overflow; ++i) overflow = __builtin_mul_overflow(out, *a, &out);
    }
    if (overflow) return wrong("the number is too large");
    return Value(out);
  }

  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  bool peek(std::string_view word) {
    skip_blanks();
    return text_.substr(at_, word.size()) == word;
  }
  bool take(std::string_view word) {
    if (!peek(word)) return false;
    at_ += word.size();
    return true;
  }
  Error wrong(std::string_view what) const { return {Errc::bad_value, fmt::format("{{{}}}: {}", text_, what)}; }

  std::string_view text_;
  const Variables& variables_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

/// "04d", "4", "d", "s", "" as in Python's format(); nullopt for what is none of these.
std::optional<std::string> padded(const Value& value, std::string_view spec) {
  const auto* number = std::get_if<std::int64_t>(&value);
  const std::string text = number != nullptr ? std::to_string(*number) : std::get<std::string>(value);
  if (!spec.empty() && spec.back() == (number != nullptr ? 'd' : 's')) spec.remove_suffix(1);
  const bool zeros = number != nullptr && !spec.empty() && spec.front() == '0';
  std::size_t width = 0;
  for (const char c : spec) {
    if (!is_digit(c)) return std::nullopt;
    width = width * 10 + static_cast<std::size_t>(c - '0');
    if (width > kWidest) return std::nullopt;
  }
  if (text.size() >= width) return text;
  const std::string fill(width - text.size(), zeros ? '0' : ' ');
  if (number == nullptr) return text + fill;
  if (zeros && text.front() == '-') return "-" + fill + text.substr(1);
  return fill + text;
}

}  // namespace

Result<Value> evaluate(std::string_view expression, const Variables& variables) {
  return Evaluator(expression, variables).run();
}

Result<std::string> render(std::string_view text, const Variables& variables) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    const auto wrong = [&](std::string_view what) {
      const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
      return Error{Errc::bad_value, fmt::format("line {} of the batch template: {}", line, what)};
    };
    if (c != '{' && c != '}') {
      out += c;
      continue;
    }
    if (at + 1 < text.size() && text[at + 1] == c) {
      out += c;
      ++at;
      continue;
    }
    if (c == '}') return wrong("a } without its {; braces that are meant as such are written twice");
    const std::size_t end = text.find_first_of("{}\n", at + 1);
    if (end == std::string_view::npos || text[end] != '}') {
      return wrong("a { without its }; braces that are meant as such are written twice");
    }
    std::string_view inside = text.substr(at + 1, end - at - 1), spec;
    if (const std::size_t colon = inside.find(':'); colon != std::string_view::npos) {
      spec = inside.substr(colon + 1);
      inside = inside.substr(0, colon);
    }
    const auto value = evaluate(inside, variables);
    if (!value) return wrong(value.error().message);
    const auto piece = padded(*value, spec);
    if (!piece) return wrong(fmt::format("':{}' is no width such as :4 or :04d", spec));
    out += *piece;
    at = end;
  }
  return out;
}

}  // namespace camshaft::cluster::batch
