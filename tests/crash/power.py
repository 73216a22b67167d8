#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""power.py: what a disk may hold after the power failed, at every moment of a run.

    power.py ROOT TRACE BEFORE {init|seal|OTHER VERB...}

ROOT is the directory with the ledger ("ledger") and its trust file ("ledger.trust"), BEFORE a copy of it
from before the run, TRACE what strace saw of the run. The run is replayed on a model of the disk: what
was written is certain only after fsync of the file, what was named only after fsync of the directory;
of the rest any part may be there, in any order, by sectors. Each state that is possible is put in
place of ROOT and layerseal has to cope with it. The environment has LAYERSEAL, G and R (the store).
"""
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys

SECTOR = 512
SUBSETS = 40 if os.environ.get("CRASH_FULL") else 4


class Failure(Exception):
    pass


# ---- the disk ----


class File:
    def __init__(self, data=b"", mode=0o600):
        self.data, self.mode, self.pending = bytearray(data), mode, []


class Directory:
    def __init__(self, mode=0o700):
        self.names, self.mode, self.pending = {}, mode, []


def apply_write(data, at, new):
    if len(data) < at:
        data.extend(bytes(at - len(data)))
    data[at : at + len(new)] = new


def apply_naming(names, change):
    for name, node in change:
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


class Disk:
    """Nodes hold what is certain; `pending`, oldest first, what is not. `now` is what processes see."""

    def __init__(self, root):
        self.root, self.now = root, {}
        self.now[root] = self.load(root)

    def load(self, path):
        mode = os.lstat(path).st_mode & 0o7777
        if not os.path.isdir(path):
            with open(path, "rb") as f:
                return File(f.read(), mode)
        node = Directory(mode)
        for name in os.listdir(path):
            below = os.path.join(path, name)
            node.names[name] = self.now[below] = self.load(below)
        return node

    def has(self, path):
        return path == self.root or path.startswith(self.root + "/")

    def name(self, *changes):
        """Changes of the names in one directory that happen together: (path, node or None)."""
        above = self.now[os.path.dirname(changes[0][0])]
        above.pending.append([(os.path.basename(p), node) for p, node in changes])
        for path, node in changes:
            if node is None:
                del self.now[path]
            else:
                self.now[path] = node

    def below(self, path):
        """What processes see at and below a path: {rest of the path: node}."""
        return {p[len(path) :]: n for p, n in self.now.items() if p == path or p.startswith(path + "/")}

    def rename(self, old, new, exchange):
        there, here = self.below(new), self.below(old)
        for path in [old + rest for rest in here] + [new + rest for rest in there]:
            del self.now[path]
        self.now.update({new + rest: node for rest, node in here.items()})
        changes = [(os.path.basename(new), here[""]), (os.path.basename(old), None)]
        if exchange:
            self.now.update({old + rest: node for rest, node in there.items()})
            changes[1] = (os.path.basename(old), there[""])
        self.now[os.path.dirname(new)].pending.append(changes)

    def write(self, path, at, data, certain):
        node = self.now[path]
        if certain:
            apply_write(node.data, at, data)
        else:
            node.pending.append((at, data))

    def sync(self, path):
        node = self.now[path]
        for p in node.pending:
            if isinstance(node, File):
                apply_write(node.data, *p)
            else:
                apply_naming(node.names, p)
        node.pending.clear()

    def nodes(self):
        """All that may be reached, though its name may be uncertain."""
        seen, todo = {}, [self.now[self.root]]
        while todo:
            node = todo.pop()
            if id(node) in seen:
                continue
            seen[id(node)] = node
            if isinstance(node, Directory):
                todo += node.names.values()
                todo += [n for change in node.pending for _, n in change if n]
        return list(seen.values())

    def uncertain(self):
        return [(node, p) for node in self.nodes() for p in node.pending]

    def image(self, chosen, torn, dice):
        """The tree {path: bytes or None} if of what is uncertain only `chosen` came to be."""
        result = {}

        def put(path, node):
            come = [p for p in node.pending if (id(node), id(p)) in chosen]
            if isinstance(node, File):
                data = bytearray(node.data)
                for at, new in come:
                    for piece in sectors(at, new) if torn else [(at, new)]:
                        if not torn or dice.random() < 0.5:
                            apply_write(data, *piece)
                result[path] = (bytes(data), node.mode)
                return
            result[path] = (None, node.mode)
            names = dict(node.names)
            for p in come:
                apply_naming(names, p)
            for name, below in names.items():
                put(os.path.join(path, name), below)

        put(self.root, self.now[self.root])
        return result


def sectors(at, data):
    end = at + len(data)
    while at < end:
        stop = min(end, (at // SECTOR + 1) * SECTOR)
        yield at, data[: stop - at]
        data, at = data[stop - at :], stop


# ---- the trace ----

CALL = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\d+)(?:<(.*?)>)?")
HEX = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


def unhex(text):
    return bytes.fromhex(text.replace("\\x", ""))


def calls(path):
    """(pid, name, arguments, result, path of a resulting descriptor), in order of their ends."""
    begun = {}
    with open(path, encoding="utf-8", errors="surrogateescape") as f:
        for line in f:
            line = line.rstrip("\n")
            pid = line.split(" ", 1)[0]
            if line.endswith("<unfinished ...>"):
                begun[pid] = line[: -len("<unfinished ...>")].rstrip()
                continue
            resumed = re.match(r"^\d+ +<\.\.\. \w+ resumed>(.*)$", line)
            if resumed:
                line = begun.pop(pid) + resumed.group(1)
            line = re.sub(r"<((?:\\x[0-9a-f]{2})+)>", lambda p: f"<{unhex(p.group(1)).decode()}>", line)
            m = CALL.match(line)
            if m and int(m.group(4)) >= 0:
                yield pid, m.group(2), m.group(3), int(m.group(4)), m.group(5)


class Replay:
    """Feeds the calls of a run to the disk; visit() is called after each that changed something."""

    def __init__(self, disk, visit):
        self.disk, self.visit = disk, visit
        self.dsync, self.at, self.keepers = set(), {}, set()
        self.paths_of = {}
        self.reported = False
        self.writes = self.syncs = 0

    def run(self, trace):
        for pid, name, args, result, path in calls(trace):
            step = getattr(self, "on_" + name, None)
            if step and step(pid, args, result, path):
                self.visit(self)

    @staticmethod
    def fd(args):
        m = re.match(r"(\d+)<(.*?)>", args)
        return m.group(1), m.group(2)

    @staticmethod
    def paths(args):
        """Each path argument, made absolute by the directory in front of it."""
        found = re.findall(r'(?:(?:AT_FDCWD|\d+)<(.*?)>, )?"((?:\\x[0-9a-f]{2})*)"', args)
        return [os.path.normpath(os.path.join(d or "/", unhex(p).decode())) for d, p in found]

    def on_openat(self, pid, args, result, path):
        fd = str(result)
        self.at[pid, fd] = 0
        self.dsync.discard((pid, fd))
        if re.search(r"\bO_D?SYNC\b", args):
            self.dsync.add((pid, fd))
        if path.endswith("/data.mdb"):
            self.keepers.add(pid)
        self.paths_of[pid, fd] = path
        if "O_TMPFILE" in args and self.disk.has(path):
            self.disk.now[path] = File()  # it has no name yet
        if "O_CREAT" not in args or not self.disk.has(path) or path in self.disk.now:
            return False
        self.disk.name((path, File()))
        return True

    def on_mkdir(self, pid, args, result, path):
        path = self.paths(args)[0]
        if not self.disk.has(path):
            return False
        self.disk.name((path, Directory()))
        return True

    on_mkdirat = on_mkdir

    def on_renameat2(self, pid, args, result, path):
        old, new = self.paths(args)
        if not self.disk.has(new):
            return False
        self.disk.rename(old, new, "RENAME_EXCHANGE" in args)
        return True

    on_rename = on_renameat = on_renameat2

    def on_linkat(self, pid, args, result, path):
        old, new = self.paths(args)
        if not self.disk.has(new):
            return False
        m = re.fullmatch(r"/proc/self/fd/(\d+)", old)
        self.disk.name((new, self.disk.now[self.paths_of[pid, m.group(1)] if m else old]))
        return True

    def on_unlinkat(self, pid, args, result, path):
        path = self.paths(args)[0]
        if not self.disk.has(path):
            return False
        self.disk.name((path, None))
        return True

    on_unlink = on_unlinkat

    def write(self, pid, fd, path, at, data):
        if fd == "1":
            return self.report()
        if not self.disk.has(path) or path.endswith("/lock.mdb"):
            return False
        self.writes += 1
        self.disk.write(path, at, data, (pid, fd) in self.dsync)
        return True

    def on_pwrite64(self, pid, args, result, path):
        fd, path = self.fd(args)
        at = int(args.rsplit(", ", 1)[1])
        return self.write(pid, fd, path, at, unhex(HEX.search(args).group(1))[:result])

    def on_pwritev(self, pid, args, result, path):
        fd, path = self.fd(args)
        data = b"".join(unhex(h) for h in HEX.findall(args))[:result]
        return self.write(pid, fd, path, int(args.rsplit(", ", 1)[1]), data)

    def on_write(self, pid, args, result, path):
        fd, path = self.fd(args)
        at = self.at.get((pid, fd), 0)
        self.at[pid, fd] = at + result
        data = b"".join(unhex(h) for h in HEX.findall(args))[:result]
        return self.write(pid, fd, path, at, data)

    on_writev = on_write

    def on_lseek(self, pid, args, result, path):
        self.at[pid, self.fd(args)[0]] = result

    def on_ftruncate(self, pid, args, result, path):
        if self.fd(args)[1].endswith("/data.mdb"):
            raise Failure("data.mdb was truncated: the model knows no such thing")

    def on_fsync(self, pid, args, result, path):
        path = self.fd(args)[1]
        if path in self.disk.now:
            self.disk.sync(path)
            self.syncs += 1
        return False

    on_fdatasync = on_fsync

    def on_syncfs(self, pid, args, result, path):
        for node_path in list(self.disk.now):
            self.disk.sync(node_path)
        return False

    def on_sendto(self, pid, args, result, path):
        """No answer of the keeper before what it answers for is on the disk. (A database that is yet to
        take the other's place is brought there at the end.)"""
        data = self.disk.now.get(self.disk.root + "/ledger/db/data.mdb")
        if pid in self.keepers and data and data.pending:
            raise Failure("the keeper answered while what it wrote was not on the disk")
        return False

    def report(self):
        """Success. What is only tidied up may come back: the judge has to cope with that."""
        for node, change in self.disk.uncertain():
            if isinstance(node, File) or any(n for _, n in change):
                raise Failure(f"success was printed before it was on the disk: {change}")
        self.reported = True
        return True


# ---- the judges ----


def layerseal(ledger, *args):
    command = [os.environ["LAYERSEAL"], "--ledger", ledger, "--trust", ledger + ".trust"]
    command += ["--root", os.environ["G"], *args]
    return subprocess.run(command, capture_output=True, check=False)


def must(result, *statuses):
    if result.returncode not in statuses:
        text = (result.stdout[-1500:] + result.stderr).decode(errors="replace")
        raise Failure(f"{' '.join(result.args[5:])}: exit status {result.returncode}\n{text}")
    return result


def entries(ledger):
    return json.loads(must(layerseal(ledger, "log", "--json"), 0).stdout)["entries"]


def judge_rest(ledger):
    must(layerseal(ledger, "seal", "--all", "--quiet"), 0)
    must(layerseal(ledger, "verify", "--quiet"), 0)


class SealJudge:
    """All of the batch or nothing of it, and all once it was reported."""

    def __init__(self, ledger, before):
        self.after = entries(ledger)
        self.before = entries(before)

    def __call__(self, ledger, reported):
        found = entries(ledger)
        if found not in ([self.after] if reported else [self.before, self.after]):
            raise Failure(f"{len(found)} entries of {len(self.before)} or {len(self.after)}")
        result = layerseal(ledger, "verify", "--json")
        must(result, 0) if found == self.after else must(result, 1)
        if found != self.after and any(
            not f["class"].endswith("-unsealed") for f in json.loads(result.stdout)["findings"]
        ):
            raise Failure("a false finding: " + result.stdout.decode())
        judge_rest(ledger)


class OtherJudge:
    """The same command does what was left; until then there is a ledger as it was or as it will be."""

    def __init__(self, ledger, before, command):
        self.after, self.before, self.command = entries(ledger), entries(before), command

    def __call__(self, ledger, reported):
        found = entries(ledger)
        if found not in ([self.after] if reported else [self.before, self.after]):
            raise Failure(f"{len(found)} entries of {len(self.before)} or {len(self.after)}")
        must(layerseal(ledger, "verify", "--quiet"), 0)
        must(layerseal(ledger, *self.command), 0)
        judge_rest(ledger)


class InitJudge:
    """A ledger, or a place where init makes one."""

    def __init__(self, ledger, before):
        self.after = entries(ledger)

    def __call__(self, ledger, reported):
        result = must(layerseal(ledger, "log", "--json"), 0, 3)
        if reported and (result.returncode or json.loads(result.stdout)["entries"] != self.after):
            raise Failure("a reported ledger is gone")
        if result.returncode and b"layerseal init" not in result.stderr:
            raise Failure("init is not the remedy: " + result.stderr.decode())
        options = ["--runroot", os.environ["R"], "--storage-driver", "overlay"]
        must(layerseal(ledger, *options, "init"), 0)
        judge_rest(ledger)


# ---- states ----


class Prover:
    def __init__(self, root, judge):
        self.root, self.judge = root, judge
        self.dice, self.seen, self.moments = random.Random(1), set(), 0

    def __call__(self, replay):
        self.moments += 1
        keys = [(id(n), id(p)) for n, p in replay.disk.uncertain()]
        choices = [keys[:i] for i in range(len(keys) + 1)] + [[k] for k in keys]
        choices += [[k for k in keys if self.dice.random() < 0.5] for _ in range(SUBSETS if keys else 0)]
        for choice in choices:
            for torn in (False, True) if choice else (False,):
                self.prove(replay, replay.disk.image(set(choice), torn, self.dice))

    def prove(self, replay, image):
        digest = hashlib.sha256(repr((sorted(image.items()), replay.reported)).encode()).digest()
        if digest in self.seen:
            return
        self.seen.add(digest)
        self.put(image)
        try:
            self.judge(self.root + "/ledger", replay.reported)
        except Failure as e:
            there = sorted(p[len(self.root) :] for p in image)
            raise Failure(f"moment {self.moments}, reported: {replay.reported}, {there}: {e}") from e

    def put(self, image):
        for name in os.listdir(self.root):
            path = os.path.join(self.root, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        for path, (data, mode) in sorted(image.items()):
            if path == self.root:
                continue
            # What was left of the lock file is anything at all.
            if path.endswith("/lock.mdb"):
                data = self.dice.choice([b"", bytes(8192), self.dice.randbytes(8192)])
            if data is None:
                os.mkdir(path, mode)
            else:
                with open(path, "wb") as f:
                    f.write(data)
                os.chmod(path, mode)


def main():
    root, trace, before, *command = sys.argv[1:]
    ledgers = root + "/ledger", before + "/ledger"
    if command[0] in ("seal", "init"):
        judge = {"seal": SealJudge, "init": InitJudge}[command[0]](*ledgers)
    else:
        judge = OtherJudge(*ledgers, command)
    shutil.rmtree(root)
    shutil.copytree(before, root)
    prover = Prover(root, judge)
    replay = Replay(Disk(root), prover)
    try:
        prover(replay)
        replay.run(trace)
        if not replay.reported:
            raise Failure("the trace has no success")
    except Failure as e:
        print(e)
        return 1
    print(f"{replay.writes} writes, {replay.syncs} syncs, {prover.moments} moments, {len(prover.seen)} states")
    return 0


if __name__ == "__main__":
    sys.exit(main())
