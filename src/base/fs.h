/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fs.h: opening and reading what somebody else may be rearranging meanwhile. Everything is
 * relative to a directory descriptor and resolved with openat2(2): no symbolic link is ever
 * followed, no step leaves the directory. Special files never block: they are refused.
 */
#ifndef BASE_FS_H
#define BASE_FS_H

#include <stdint.h>
#include <sys/stat.h>

#include "base/buf.h"

/* Absolute or cwd-relative path of a directory, links resolved: only for paths an administrator gave. */
MUSTUSE int fs_open_root(const char *path, int *out_fd, struct err *e);
/* The directory of a path, and the name in it: borrowed from `path`, perhaps empty. */
MUSTUSE int fs_open_parent(
    const char *path, int *out_fd, const char **name, struct err *e);

/*
 * openat2(dirfd, path, flags | O_CLOEXEC, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
 * RESOLVE_NO_MAGICLINKS); without O_PATH also O_NONBLOCK | O_NOCTTY, so that it never waits for
 * the other end of a fifo: whoever did not ask for O_DIRECTORY looks at the type. Not for
 * O_CREAT. ENOENT (and only that) gives ERR_NOT_FOUND, all else ERR_IO.
 */
MUSTUSE int fs_open(int dirfd, const char *path, int flags, int *out_fd, struct err *e);
MUSTUSE int fs_open_dir(int dirfd, const char *path, int *out_fd, struct err *e);

/*
 * A whole file of at most `max` bytes, appended to `out` (which is as before on failure).
 * Anything but a regular file, and a longer one, is ERR_MALFORMED; a device is not even opened.
 * Size, mtime and ctime must be the same before and after (ERR_CHANGED after 3 tries).
 * `st` may be NULL.
 */
MUSTUSE int fs_read_file(int dirfd, const char *path, size_t max, struct buf *out,
    struct stat *st, struct err *e);

/* Reads up to len bytes; fewer only at the end of the file. 0, or -1 with errno set. */
MUSTUSE int fs_read_up_to(int fd, void *data, size_t len, size_t *got);

/*
 * True if two looks at a file saw the same: device, inode, mode, size, mtime, ctime. Around a reading
 * they tell whether somebody wrote meanwhile.
 */
bool fs_same_state(const struct stat *a, const struct stat *b);

/*
 * The target of a symbolic link, a fresh string of at most PATH_MAX - 1 bytes. Something else
 * than a symbolic link is ERR_MALFORMED.
 */
MUSTUSE int fs_readlink(int dirfd, const char *path, char **out, struct err *e);

/*
 * Calls `each` for every name but "." and "..", as the file system lists them from where `fd` stands: its
 * length, and the type as in readdir(3), perhaps DT_UNKNOWN. Stops if `each` returns other than 0.
 */
typedef int fs_name_fn(
    void *ctx, const char *name, size_t len, uint8_t type, struct err *e);
MUSTUSE int fs_each_name(int fd, fs_name_fn *each, void *ctx, struct err *e);

/* Names in a directory without "." and "..", sorted bytewise; more than max_names: ERR_MALFORMED. */
struct fs_names {
	char **v;
	size_t n;
};
MUSTUSE int fs_list(
    int dirfd, const char *path, size_t max_names, struct fs_names *out, struct err *e);
/* The same for a directory that was opened just now: from where its descriptor stands. */
MUSTUSE int fs_list_fd(int fd, size_t max_names, struct fs_names *out, struct err *e);
void fs_names_release(struct fs_names *names);
#define CLEANUP_NAMES CLEANUP(fs_names_release)

/*
 * A whole file that decides what is trusted, by a path that an administrator gave (links resolved):
 * a regular file of at most `max` bytes; file and directory owned by root or this user; nobody else
 * may write the file, nor rename in the directory (a sticky one will do). ERR_NOT_FOUND if there is
 * none, ERR_REFUSED for what breaks a rule, ERR_IO; messages name the rule, not the path.
 */
MUSTUSE int fs_read_guarded(const char *path, size_t max, struct buf *out, struct err *e);
/*
 * A program that an administrator named, absolute: as fs_read_guarded() has it, and this user may run it.
 * ERR_REFUSED, ERR_NOT_FOUND, ERR_IO; messages name the rule, not the path.
 */
MUSTUSE int fs_check_program(const char *path, struct err *e);
/*
 * In a user namespace root looks like any other stranger. So who is about to enter one shows these files
 * before (the file and its directory, if they are there); they are root's as long as they are the same.
 */
void fs_note_root(const char *path);
/* The owner is root or this user. */
bool fs_is_of_root_or_me(const struct stat *st);
/* Brings to the disk that there is a `path`, which has no slash at its end. */
MUSTUSE int fs_sync_parent(const char *path, struct err *e);
/* The directory of such a path, and the name in it: borrowed from `path`, perhaps empty. */
MUSTUSE int fs_open_parent(
    const char *path, int *out_fd, const char **name, struct err *e);
/* Makes the directory of `path`, and those above it, where they are missing: mode 0755, durable. */
MUSTUSE int fs_make_parents(const char *path, struct err *e);

/*
 * What a file or directory takes on the disk, a file with several names shared among them. A figure, not
 * a measurement: what cannot be read counts nothing, nor does what is mounted in it.
 */
uint64_t fs_tree_bytes(int dirfd, const char *path);

/*
 * Closes *fd if it is open, as base_close_p() does, but does not wait for what the kernel does at the end of
 * a watch (inotify, fanotify), often for 10 to 30 ms: that happens soon, and after this process ends if
 * it ends.
 */
void fs_close_later(int *fd);

MUSTUSE int fs_write_all(int fd, const void *data, size_t len, struct err *e);
/*
 * Writes a temporary file, fsyncs it, renames it over `name` (one component) and fsyncs the
 * directory. The mode is as given whatever the umask. On failure no temporary file is left.
 */
MUSTUSE int fs_replace(int dirfd, const char *name, const void *data, size_t len,
    mode_t mode, struct err *e);
/* As fs_replace, but fails (ERR_REFUSED) if `name` exists already. */
MUSTUSE int fs_create(int dirfd, const char *name, const void *data, size_t len,
    mode_t mode, struct err *e);

#endif
