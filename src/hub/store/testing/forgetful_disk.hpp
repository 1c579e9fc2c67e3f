// hub/store/testing/forgetful_disk.hpp: what is left of SQLite's files after a loss of power: what was synced.
// Thread: one. Owns: a layer between SQLite and the system's files, which all connections use that are made meanwhile,
//         and copies of the files as they were when they were last synced.
// Errors: std::logic_error when SQLite does not take the layer.
#pragma once
#include <sqlite3.h>

#include <filesystem>
#include <stdexcept>
#include <utility>

namespace camshaft::hub::testing {

class ForgetfulDisk {
 public:
  /// `survivors`: an empty folder, for the copies; they have the names of the files.
  explicit ForgetfulDisk(std::filesystem::path survivors);
  ~ForgetfulDisk();
  ForgetfulDisk(const ForgetfulDisk&) = delete;
  ForgetfulDisk& operator=(const ForgetfulDisk&) = delete;

  int syncs() const { return syncs_; }

 private:
  struct File;
  static File& of(sqlite3_file* file);
  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags);
  static int close(sqlite3_file* file);
  static int sync(sqlite3_file* file, int flags);

  std::filesystem::path survivors_;
  sqlite3_vfs* below_;
  sqlite3_vfs vfs_;
  sqlite3_io_methods methods_{};
  int syncs_ = 0;
};

// SQLite sets aside vfs_.szOsFile bytes for each file: this, and after it what the system's own layer needs.
struct ForgetfulDisk::File {
  sqlite3_file base;
  ForgetfulDisk* disk;
  std::filesystem::path* path;
  sqlite3_file* below() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

inline ForgetfulDisk::File& ForgetfulDisk::of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }

inline ForgetfulDisk::ForgetfulDisk(std::filesystem::path survivors)
    : survivors_(std::move(survivors)), below_(sqlite3_vfs_find(nullptr)), vfs_(*below_) {
  vfs_.szOsFile = static_cast<int>(sizeof(File)) + below_->szOsFile;
  vfs_.zName = "forgetful";
  vfs_.pAppData = this;
  vfs_.xOpen = &ForgetfulDisk::open;
  methods_.iVersion = 2;  // with shared memory, as the log needs it, and without mapped files
  methods_.xClose = &ForgetfulDisk::close;
  methods_.xSync = &ForgetfulDisk::sync;
  methods_.xRead = [](sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
    return of(f).below()->pMethods->xRead(of(f).below(), to, n, at);
  };
  methods_.xWrite = [](sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
    return of(f).below()->pMethods->xWrite(of(f).below(), from, n, at);
  };
  methods_.xTruncate = [](sqlite3_file* f, sqlite3_int64 size) {
    return of(f).below()->pMethods->xTruncate(of(f).below(), size);
  };
  methods_.xFileSize = [](sqlite3_file* f, sqlite3_int64* size) {
    return of(f).below()->pMethods->xFileSize(of(f).below(), size);
  };
  methods_.xLock = [](sqlite3_file* f, int how) { return of(f).below()->pMethods->xLock(of(f).below(), how); };
  methods_.xUnlock = [](sqlite3_file* f, int how) { return of(f).below()->pMethods->xUnlock(of(f).below(), how); };
  methods_.xCheckReservedLock = [](sqlite3_file* f, int* out) {
    return of(f).below()->pMethods->xCheckReservedLock(of(f).below(), out);
  };
  methods_.xFileControl = [](sqlite3_file* f, int what, void* with) {
    return of(f).below()->pMethods->xFileControl(of(f).below(), what, with);
  };
  methods_.xSectorSize = [](sqlite3_file* f) { return of(f).below()->pMethods->xSectorSize(of(f).below()); };
  methods_.xDeviceCharacteristics = [](sqlite3_file* f) {
    return of(f).below()->pMethods->xDeviceCharacteristics(of(f).below());
  };
  methods_.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** out) {
    return of(f).below()->pMethods->xShmMap(of(f).below(), page, size, extend, out);
  };
  methods_.xShmLock = [](sqlite3_file* f, int offset, int n, int flags) {
    return of(f).below()->pMethods->xShmLock(of(f).below(), offset, n, flags);
  };
  methods_.xShmBarrier = [](sqlite3_file* f) { of(f).below()->pMethods->xShmBarrier(of(f).below()); };
  methods_.xShmUnmap = [](sqlite3_file* f, int remove) {
    return of(f).below()->pMethods->xShmUnmap(of(f).below(), remove);
  };
  if (sqlite3_vfs_register(&vfs_, 1) != SQLITE_OK) throw std::logic_error("SQLite does not take the layer");
}

inline ForgetfulDisk::~ForgetfulDisk() {
  sqlite3_vfs_unregister(&vfs_);
  sqlite3_vfs_register(below_, 1);
}

inline int ForgetfulDisk::open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  auto* disk = static_cast<ForgetfulDisk*>(vfs->pAppData);
  File& opened = of(file);
  opened.disk = disk;
  opened.path = nullptr;
  opened.base.pMethods = nullptr;
  const int code = disk->below_->xOpen(disk->below_, name, opened.below(), flags, out_flags);
  if (code != SQLITE_OK) return code;
  if (name != nullptr) opened.path = new std::filesystem::path(name);
  opened.base.pMethods = &disk->methods_;
  return code;
}

inline int ForgetfulDisk::close(sqlite3_file* file) {
  delete of(file).path;
  return of(file).below()->pMethods->xClose(of(file).below());
}

inline int ForgetfulDisk::sync(sqlite3_file* file, int flags) {
  File& synced = of(file);
  const int code = synced.below()->pMethods->xSync(synced.below(), flags);
  if (code != SQLITE_OK || synced.path == nullptr) return code;
  ++synced.disk->syncs_;
  std::filesystem::copy_file(*synced.path, synced.disk->survivors_ / synced.path->filename(),
                             std::filesystem::copy_options::overwrite_existing);
  return code;
}

}  // namespace camshaft::hub::testing
