#include "cluster/ssh/hosts.hpp"

namespace camshaft::cluster::ssh {
namespace {

// Sent along with each connection. Reads a JSON object a line, says a JSON object a line. When its input ends, whatever
// the reason, it ends what it has started; and when it is killed, that notices by its lifeline.
constexpr std::string_view kGuard = R"py(
import ctypes, json, os, select, signal, subprocess, sys, time

lines = open(0, "rb", 0, closefd=False)  # nothing is read ahead: what comes is seen by select
spec = json.loads(lines.readline().decode())


def say(**news):
    sys.stdout.write(json.dumps(news) + "\n")
    sys.stdout.flush()


def main():
    home = os.path.expanduser("~")
    profile = os.path.join(home, spec["profile_dir"])
    security = os.path.join(profile, "security")
    for folder in ("", "log", "pid", "security"):
        if spec["files"] or spec["fetch"]:
            os.makedirs(os.path.join(profile, folder), mode=0o700, exist_ok=True)
    for name, text in spec["files"]:
        path = os.path.join(security, name)
        with os.fdopen(os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        os.rename(path + ".new", path)
    wanted = [os.path.join(security, name) for name in spec["fetch"]]
    stale = {}
    for path in wanted:
        try:
            stale[path] = (os.stat(path).st_mtime_ns, os.stat(path).st_ino)
        except OSError:
            pass
    os.chdir(os.path.join(home, spec["work_dir"]))
    environment = dict(os.environ)
    environment.update(spec["environment"])
    environment["IPP_PROFILE_DIR"] = profile
    kept, ours = os.pipe()
    environment["CAMSHAFT_LIFELINE_FD"] = str(kept)
    wake, wakes = os.pipe()
    for side in (wake, wakes):
        os.set_blocking(side, False)
    signal.set_wakeup_fd(wakes)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)

    libc = ctypes.CDLL(None)

    def fresh():
        if sys.platform == "linux":
            libc.prctl(1, signal.SIGTERM)  # when this process is killed
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)

    children = []
    try:
        for _ in range(spec["n"]):
            children.append(
                subprocess.Popen(
                    spec["argv"], env=environment, stdin=subprocess.DEVNULL, stdout=2, start_new_session=True,
                    pass_fds=[kept], preexec_fn=fresh,
                )
            )
    except OSError as error:
        end(children)
        say(failed="cannot start %s: %s" % (spec["argv"][0], error.strerror))
        return
    os.close(kept)
    say(started=[child.pid for child in children])
    began = time.time()
    open_ones = list(children)
    buffer = b""
    while open_ones:
        ready = select.select([lines, wake], [], [], 0.05 if wanted else None)[0]
        if wake in ready:
            try:
                os.read(wake, 4096)
            except OSError:
                pass
        for child in [one for one in open_ones if one.poll() is not None]:
            open_ones.remove(child)
            missing = ""
            if child.returncode > 0 and time.time() - began < 30 and spec["argv"][1:2] == ["-m"]:
                package = spec["argv"][2].split(".")[0]
                look = "import importlib.util as u, sys; sys.exit(u.find_spec(%r) is None)" % package
                if subprocess.call([spec["argv"][0], "-c", look], env=environment, stdin=subprocess.DEVNULL) == 1:
                    missing = package
            say(ended=child.pid, code=child.returncode, missing=missing)
        if wanted:
            texts = []
            for path in wanted:
                try:
                    if stale.get(path) == (os.stat(path).st_mtime_ns, os.stat(path).st_ino):
                        raise ValueError("of an earlier run")
                    with open(path) as file:
                        texts.append([os.path.basename(path), file.read()])
                    json.loads(texts[-1][1])
                except (OSError, ValueError):
                    break
            else:
                wanted = []
                say(files=texts)
        if lines in ready:
            more = os.read(0, 65536)
            buffer += more
            orders = buffer.split(b"\n")
            buffer = orders.pop()
            for order in orders:
                order = json.loads(order.decode())
                if "signal" in order:
                    for child in open_ones:
                        child.send_signal(order["signal"])
                elif "stop" in order:
                    end(open_ones)
            if not more:
                end(open_ones)
                return


def end(children):
    for child in children:
        if child.poll() is None:
            child.terminate()
    until = time.time() + spec["grace"]
    while time.time() < until and any(child.poll() is None for child in children):
        time.sleep(0.02)
    for child in children:
        if child.poll() is None:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except OSError:
                pass
            child.wait()


main()
)py";

}  // namespace

std::string_view guard_program() { return kGuard; }

}  // namespace camshaft::cluster::ssh
