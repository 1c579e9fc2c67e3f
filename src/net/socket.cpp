#include "net/socket.hpp"

#include <fmt/format.h>
#include <zmq.h>

#include <atomic>
#include <cerrno>
#include <cstring>

namespace camshaft::net {

namespace {

// Below this, copying a frame into a ZeroMQ message is cheaper than keeping its owner alive across threads.
constexpr std::size_t kCopyBelow = 4096;

int zmq_type(SocketType type) {
  switch (type) {
    case SocketType::router:
      return ZMQ_ROUTER;
    case SocketType::dealer:
      return ZMQ_DEALER;
    case SocketType::pub:
      return ZMQ_PUB;
    case SocketType::sub:
      return ZMQ_SUB;
    case SocketType::xpub:
      return ZMQ_XPUB;
    case SocketType::pair:
      return ZMQ_PAIR;
    case SocketType::push:
      return ZMQ_PUSH;
    case SocketType::pull:
      return ZMQ_PULL;
  }
  throw NetError("unknown socket type");
}

void set(void* socket, int option, int value) {
  if (zmq_setsockopt(socket, option, &value, sizeof value) != 0)
    throw NetError(fmt::format("socket option {}: {}", option, zmq_strerror(zmq_errno())));
}

void set(void* socket, int option, const std::string& text) {
  if (zmq_setsockopt(socket, option, text.c_str(), text.size() + 1) != 0)
    throw NetError(fmt::format("socket option {}: {}", option, zmq_strerror(zmq_errno())));
}

void encrypt(void* socket, const Curve& curve, bool binds) {
  set(socket, ZMQ_CURVE_SECRETKEY, curve.own.secret_key);
  if (binds) return set(socket, ZMQ_CURVE_SERVER, 1);
  set(socket, ZMQ_CURVE_PUBLICKEY, curve.own.public_key);
  set(socket, ZMQ_CURVE_SERVERKEY, curve.server_key);
}

// A large received frame: the ZeroMQ message itself owns the bytes.
struct LargePart {
  zmq_msg_t message;
  explicit LargePart(zmq_msg_t& received) {
    zmq_msg_init(&message);
    zmq_msg_move(&message, &received);
  }
  LargePart(const LargePart&) = delete;
  LargePart& operator=(const LargePart&) = delete;
  ~LargePart() { zmq_msg_close(&message); }
};

void release_blob(void*, void* blob) { delete static_cast<std::shared_ptr<const void>*>(blob); }

void init_message(zmq_msg_t& message, const Blob& blob) {
  if (blob.size() < kCopyBelow) {
    if (zmq_msg_init_size(&message, blob.size()) != 0) throw std::bad_alloc();
    if (!blob.empty()) std::memcpy(zmq_msg_data(&message), blob.bytes.data(), blob.size());
    return;
  }
  auto* keeper = new std::shared_ptr<const void>(blob.owner);
  // ZeroMQ only reads the bytes that it is given to send.
  void* bytes = const_cast<std::byte*>(blob.bytes.data());
  if (zmq_msg_init_data(&message, bytes, blob.size(), release_blob, keeper) != 0) {
    delete keeper;
    throw std::bad_alloc();
  }
}

std::string monitor_address() {
  static std::atomic<unsigned> next{0};  // inproc names are per context; unique in the process is enough
  return fmt::format("inproc://camshaft-monitor-{}", next++);
}

}  // namespace

Context::Context(int io_threads) : handle_(zmq_ctx_new()) {
  if (handle_ == nullptr) throw NetError(zmq_strerror(zmq_errno()));
  zmq_ctx_set(handle_, ZMQ_IO_THREADS, io_threads);
  zmq_ctx_set(handle_, ZMQ_MAX_SOCKETS, 65535);
}

Context::~Context() {
  while (zmq_ctx_term(handle_) != 0 && zmq_errno() == EINTR) {
  }
}

Socket::Socket(Context& context, const SocketOptions& options)
    : handle_(zmq_socket(context.handle(), zmq_type(options.type))) {
  if (handle_ == nullptr) throw NetError(fmt::format("cannot make a socket: {}", zmq_strerror(zmq_errno())));
  try {
    set(handle_, ZMQ_LINGER, static_cast<int>(options.linger.count()));
    set(handle_, ZMQ_SNDHWM, options.hwm);
    set(handle_, ZMQ_RCVHWM, options.hwm);
    if (!options.identity.empty() &&
        zmq_setsockopt(handle_, ZMQ_ROUTING_ID, options.identity.data(), options.identity.size()) != 0)
      throw NetError(fmt::format("bad socket identity '{}'", options.identity));
    if (options.watch_peer) {
      // A peer that falls silent on a connection it opened is noticed, and the connection made anew, attempt by
      // attempt: the kernel's own patience would outlast ours.
      set(handle_, ZMQ_HEARTBEAT_IVL, 5000);
      set(handle_, ZMQ_HEARTBEAT_TIMEOUT, 5000);
      set(handle_, ZMQ_CONNECT_TIMEOUT, 2000);
      set(handle_, ZMQ_RECONNECT_IVL, 100);
      set(handle_, ZMQ_RECONNECT_IVL_MAX, 1000);
    }
    set(handle_, ZMQ_TCP_KEEPALIVE, 1);
    set(handle_, ZMQ_TCP_KEEPALIVE_IDLE, 60);
    set(handle_, ZMQ_TCP_KEEPALIVE_INTVL, 15);
    set(handle_, ZMQ_TCP_KEEPALIVE_CNT, 4);
    if (options.mandatory) set(handle_, ZMQ_ROUTER_MANDATORY, 1);
    if (options.handover) set(handle_, ZMQ_ROUTER_HANDOVER, 1);
    if (options.subscribe_all) zmq_setsockopt(handle_, ZMQ_SUBSCRIBE, "", 0);
    if (const std::string& topic = options.subscribe_also; !topic.empty())
      zmq_setsockopt(handle_, ZMQ_SUBSCRIBE, topic.data(), topic.size());
    // Subscriptions that others hold already are reported too: somebody may be waiting for word of his.
    if (options.type == SocketType::xpub) set(handle_, ZMQ_XPUB_VERBOSE, 1);
    if (context.curve()) encrypt(handle_, *context.curve(), !options.bind.empty());
    if (options.monitor) {
      const std::string address = monitor_address();
      const int events = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED;
      if (zmq_socket_monitor(handle_, address.c_str(), events) != 0)
        throw NetError(fmt::format("cannot monitor a socket: {}", zmq_strerror(zmq_errno())));
      monitor_ = zmq_socket(context.handle(), ZMQ_PAIR);
      set(monitor_, ZMQ_LINGER, 0);
      if (zmq_connect(monitor_, address.c_str()) != 0)
        throw NetError(fmt::format("cannot monitor a socket: {}", zmq_strerror(zmq_errno())));
    }
    for (const std::string& address : options.bind) {
      if (zmq_bind(handle_, address.c_str()) != 0)
        throw NetError(fmt::format("cannot bind {}: {}", address, zmq_strerror(zmq_errno())), zmq_errno());
      char bound[256];
      std::size_t size = sizeof bound;
      zmq_getsockopt(handle_, ZMQ_LAST_ENDPOINT, bound, &size);
      endpoints_.emplace_back(bound);
    }
    for (const std::string& address : options.connect) connect(address);
  } catch (...) {
    if (monitor_ != nullptr) zmq_close(monitor_);
    zmq_close(handle_);
    throw;
  }
}

Socket::~Socket() {
  if (monitor_ != nullptr) {
    zmq_socket_monitor(handle_, nullptr, 0);
    zmq_close(monitor_);
  }
  zmq_close(handle_);
}

int Socket::port(std::size_t nth) const {
  const std::string& endpoint = endpoints_.at(nth);
  return std::stoi(endpoint.substr(endpoint.rfind(':') + 1));
}

void Socket::connect(const std::string& endpoint) {
  ++uses_;
  if (zmq_connect(handle_, endpoint.c_str()) != 0)
    throw NetError(fmt::format("cannot connect to {}: {}", endpoint, zmq_strerror(zmq_errno())));
}

void Socket::disconnect(const std::string& endpoint) {
  ++uses_;
  zmq_disconnect(handle_, endpoint.c_str());
}

void Socket::abandon() {
  ++uses_;
  set(handle_, ZMQ_LINGER, 0);
}

Sent Socket::send(const Frames& frames) {
  ++uses_;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    zmq_msg_t message;
    init_message(message, frames[i]);
    const int flags = ZMQ_DONTWAIT | (i + 1 < frames.size() ? ZMQ_SNDMORE : 0);
    int sent;
    do {
      sent = zmq_msg_send(&message, handle_, flags);
    } while (sent < 0 && zmq_errno() == EINTR);
    if (sent < 0) {
      const int error = zmq_errno();
      zmq_msg_close(&message);
      if (error == EHOSTUNREACH) return Sent::no_such_peer;
      if (error == EAGAIN) return Sent::would_block;
      throw NetError(fmt::format("cannot send: {}", zmq_strerror(error)));
    }
  }
  return Sent::ok;
}

std::optional<Frames> Socket::receive() {
  auto received = receive_with_descriptor();
  if (!received) return std::nullopt;
  return std::move(received->frames);
}

std::optional<Received> Socket::receive_with_descriptor() {
  ++uses_;
  zmq_msg_t first;
  zmq_msg_init(&first);
  int got;
  do {
    got = zmq_msg_recv(&first, handle_, ZMQ_DONTWAIT);
  } while (got < 0 && zmq_errno() == EINTR);
  if (got < 0) {
    zmq_msg_close(&first);
    if (zmq_errno() == EAGAIN) return std::nullopt;
    throw NetError(fmt::format("cannot receive: {}", zmq_strerror(zmq_errno())));
  }
  Received received;

  // The small frames of a message are gathered in one allocation: a queued message then costs little more than its
  // bytes, and ZeroMQ's own blocks go back at once. Large frames stay where they are.
  thread_local std::vector<zmq_msg_t> parts;
  parts.assign(1, first);  // ownership moves into `parts`; `first` is not closed
  while (zmq_msg_more(&parts.back()) != 0) {
    zmq_msg_t& part = parts.emplace_back();
    zmq_msg_init(&part);
    do {
      got = zmq_msg_recv(&part, handle_, 0);  // the rest of a message is always there
    } while (got < 0 && zmq_errno() == EINTR);
    if (got < 0) throw NetError(fmt::format("cannot receive: {}", zmq_strerror(zmq_errno())));
  }
  // Asked of the last part: a ROUTER that was polled makes up the first one without saying whence it came.
  if (monitor_ != nullptr) received.descriptor = zmq_msg_get(&parts.back(), ZMQ_SRCFD);
  std::size_t small = 0;
  for (zmq_msg_t& part : parts)
    if (zmq_msg_size(&part) < kCopyBelow) small += zmq_msg_size(&part);
  const auto gathered = std::make_shared_for_overwrite<std::byte[]>(small);
  std::byte* next = gathered.get();
  received.frames.reserve(parts.size());
  for (zmq_msg_t& part : parts) {
    const std::size_t size = zmq_msg_size(&part);
    if (size < kCopyBelow) {
      if (size != 0) std::memcpy(next, zmq_msg_data(&part), size);
      received.frames.push_back({gathered, {next, size}});
      next += size;
    } else {
      auto large = std::make_shared<LargePart>(part);
      received.frames.push_back({large, {static_cast<const std::byte*>(zmq_msg_data(&large->message)), size}});
    }
    zmq_msg_close(&part);
  }
  return received;
}

std::optional<SocketEvent> Socket::next_event() {
  ++monitor_uses_;
  // Two frames: 16 bits of event and 32 bits of value, then the endpoint (zmq_socket_monitor(3)).
  zmq_msg_t frame;
  zmq_msg_init(&frame);
  if (zmq_msg_recv(&frame, monitor_, ZMQ_DONTWAIT) < 0) {
    zmq_msg_close(&frame);
    return std::nullopt;
  }
  std::uint16_t kind = 0;
  std::uint32_t value = 0;
  const auto* bytes = static_cast<const char*>(zmq_msg_data(&frame));
  std::memcpy(&kind, bytes, sizeof kind);
  std::memcpy(&value, bytes + sizeof kind, sizeof value);
  zmq_msg_close(&frame);
  zmq_msg_init(&frame);
  zmq_msg_recv(&frame, monitor_, 0);
  SocketEvent event;
  event.endpoint.assign(static_cast<const char*>(zmq_msg_data(&frame)), zmq_msg_size(&frame));
  zmq_msg_close(&frame);
  event.descriptor = static_cast<int>(value);
  switch (kind) {
    case ZMQ_EVENT_CONNECTED:
      event.kind = SocketEvent::Kind::connected;
      break;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
      event.kind = SocketEvent::Kind::handshaken;
      break;
    default:
      event.kind = SocketEvent::Kind::disconnected;
      break;
  }
  return event;
}

}  // namespace camshaft::net
