// As much of JSON as model.json and seeds.json need: a value, read from a text.
#pragma once

#include <cctype>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace json {

struct Value {
  enum Kind { NOTHING, BOOLEAN, NUMBER, TEXT, LIST, OBJECT } kind = NOTHING;
  double number = 0;  // of a boolean too: 0 or 1
  std::string text;
  std::vector<Value> list;
  std::vector<std::pair<std::string, Value>> object;  // in the order of the file

  // The member of that name, or nullptr.
  const Value* find(const std::string& name) const {
    for (const auto& member : object)
      if (member.first == name) return &member.second;
    return nullptr;
  }
  // The member of that name; throws std::runtime_error where there is none of that kind.
  const Value& get(const std::string& name, Kind wanted) const {
    const Value* member = find(name);
    if (!member || member->kind != wanted) throw std::runtime_error("the key '" + name + "' is missing or wrong");
    return *member;
  }
};

class Reader {
 public:
  explicit Reader(const std::string& text) : at_(text.c_str()), end_(at_ + text.size()) {}

  Value whole() {
    Value value = any(0);
    space();
    if (at_ != end_) fail();
    return value;
  }

 private:
  const char* at_;  // the text ends in a NUL, so looking one character ahead is safe
  const char* end_;

  [[noreturn]] static void fail() { throw std::runtime_error("it is not JSON"); }
  void space() {
    while (std::isspace(static_cast<unsigned char>(*at_))) ++at_;
  }
  bool take(char wanted) {
    space();
    if (*at_ != wanted) return false;
    ++at_;
    return true;
  }
  void word(const char* wanted) {
    const std::size_t length = std::strlen(wanted);
    if (std::strncmp(at_, wanted, length) != 0) fail();
    at_ += length;
  }

  Value any(int depth) {
    if (depth > 64) fail();  // a hostile file must not overflow the stack
    Value value;
    space();
    if (take('{')) {
      value.kind = Value::OBJECT;
      if (take('}')) return value;
      do {
        space();
        std::string name = string();
        if (!take(':')) fail();
        value.object.emplace_back(std::move(name), any(depth + 1));
      } while (take(','));
      if (!take('}')) fail();
    } else if (take('[')) {
      value.kind = Value::LIST;
      if (take(']')) return value;
      do value.list.push_back(any(depth + 1));
      while (take(','));
      if (!take(']')) fail();
    } else if (*at_ == '"') {
      value.kind = Value::TEXT;
      value.text = string();
    } else if (*at_ == 't' || *at_ == 'f') {
      value.kind = Value::BOOLEAN;
      value.number = *at_ == 't';
      word(*at_ == 't' ? "true" : "false");
    } else if (*at_ == 'n') {
      word("null");
    } else {
      value.kind = Value::NUMBER;
      char* after = nullptr;
      value.number = std::strtod(at_, &after);
      if (after == at_) fail();
      at_ = after;
    }
    return value;
  }

  std::string string() {
    if (*at_ != '"') fail();
    std::string out;
    for (++at_; at_ != end_ && *at_ != '"'; ++at_) {
      if (*at_ != '\\') {
        out += *at_;
        continue;
      }
      switch (*++at_) {
        case 'n': out += '\n'; break;
        case 't': out += '\t'; break;
        case 'r': out += '\r'; break;
        case 'b': out += '\b'; break;
        case 'f': out += '\f'; break;
        case 'u': out += unit(); break;
        case '"': case '\\': case '/': out += *at_; break;
        default: fail();
      }
    }
    if (at_ == end_) fail();
    ++at_;
    return out;
  }

  // One \uXXXX as UTF-8. Nothing that is used here lies outside ASCII, so halves of pairs stay halves.
  std::string unit() {
    unsigned code = 0;
    for (int digit = 0; digit < 4; ++digit) {
      const char c = *++at_;
      if (!std::isxdigit(static_cast<unsigned char>(c))) fail();
      code = code * 16 + unsigned(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    if (code < 0x80) return {char(code)};
    if (code < 0x800) return {char(0xC0 | code >> 6), char(0x80 | (code & 63))};
    return {char(0xE0 | code >> 12), char(0x80 | (code >> 6 & 63)), char(0x80 | (code & 63))};
  }
};

inline Value read(const std::string& text) { return Reader(text).whole(); }

// A text as JSON writes it, quotes included.
inline std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 32 ? ' ' : c;
  }
  return out + '"';
}

}  // namespace json
