# SPDX-License-Identifier: Apache-2.0
# layerseal: one archive (everything but the two main files), two programs, tests that link the archive.
#   make                build/layerseal            V=1 shows commands, DEVELOPER=1 adds -Werror
#   make check          unit tests, fuzz corpora, command-line tests
#   make check-asan     the same under AddressSanitizer and UndefinedBehaviorSanitizer
#   make crash          kills, failing disks and full disks, many processes at once (root)
#   make mutations      20,000 ways to damage a ledger's files
#   make attacks benign the corpora on real podman stores (root; see tests/README.md)
#   make check-hook     hooks before real engines (root)
#   make check-build    guarded builds with real engines (root)
#   make check-matrix   all that has to do with builds, on every engine, driver and kind of user (root)
#   make check-service  root on the store of a rootless user (root)
#   make check-watch    the watcher on real stores (root)
#   make check-watched  the corpora under a watcher, with both sources, on every engine, driver and kind of user (root)
#   make lint bench fuzz install uninstall clean

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=
VARIANT ?= release
B := build/$(VARIANT)

PKGS := libgcrypt lmdb libseccomp libxxhash jansson zlib
# Headers only: loaded by the runs that need them (src/base/dl.h).
LOADED := libarchive sqlite3
# Headers only: the libraries are loaded when a TPM is configured. "make TPM=" does without.
TPM ?= $(shell pkg-config --exists tss2-esys tss2-tctildr tss2-rc && echo yes)
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wformat=2 -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wconversion \
	-Wno-sign-conversion -Wimplicit-fallthrough -Wnull-dereference -Wdate-time
HARDEN := -fstack-protector-strong -fstack-clash-protection -fPIE -fno-strict-aliasing \
	-fno-strict-overflow -fno-common
ifeq ($(VARIANT),asan)
  SAN := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
  HARDEN += -O1
else ifeq ($(VARIANT),fuzz)
  SAN := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
else
  HARDEN += -D_FORTIFY_SOURCE=2
endif
ifdef DEVELOPER
  WARN += -Werror
endif
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -DLAYERSEAL_VERSION='"$(VERSION)"' -Isrc -pthread \
	$(CFLAGS) $(WARN) $(HARDEN) $(SAN) $(shell pkg-config --cflags $(PKGS) $(LOADED)) \
	$(if $(TPM),-DHAVE_TPM)
ALL_LDFLAGS = $(LDFLAGS) $(SAN) -pie -pthread -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed
LIBS = $(shell pkg-config --libs $(PKGS))

Q := $(if $(V),,@)
LIB_SRC := $(sort $(filter-out src/cli/main.c src/cli/hook_main.c,$(wildcard src/*/*.c)))
LIB_OBJ := $(LIB_SRC:%.c=$B/%.o)
UNIT := $(sort $(patsubst tests/unit/%.c,$B/unit/%,$(wildcard tests/unit/test_*.c)))
FUZZ := $(sort $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c)))
MAN := $(sort $(wildcard man/*.[1-8]))
UNITS := $(sort $(wildcard systemd/*.service systemd/*.timer systemd/*.socket))
USER_UNITS := $(sort $(wildcard systemd/user/*.service))
UNITDIR ?= $(PREFIX)/lib/systemd/system
USERUNITDIR ?= $(PREFIX)/lib/systemd/user
CATALOGDIR ?= $(PREFIX)/lib/systemd/catalog
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
# FILES DIRECTORY
install_units = install -d $(DESTDIR)$(2) && for u in $(1); do \
		sed 's|@BINDIR@|$(PREFIX)/bin|' $$u >$(DESTDIR)$(2)/$${u\#\#*/} && \
		chmod 644 $(DESTDIR)$(2)/$${u\#\#*/} || exit 1; done

all: $B/layerseal $B/layerseal-hook
	$(Q)ln -sf $(VARIANT)/layerseal build/layerseal
	$(Q)ln -sf $(VARIANT)/layerseal-hook build/layerseal-hook

$B/layerseal: $B/src/cli/main.o $B/liblayerseal.a
	@echo "  LD   $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# Runs before every command of podman: the C library alone, static, starts in a third of the time.
# HOOK_PIE=-pie where there is no static C library.
HOOK_PIE ?= -static-pie
$B/layerseal-hook: $B/src/cli/hook_main.o $B/liblayerseal.a
	@echo "  LD   $@"
	$(Q)$(CC) $(if $(SAN),$(ALL_LDFLAGS),$(ALL_LDFLAGS:-pie=$(HOOK_PIE))) -o $@ $^

$B/liblayerseal.a: $(LIB_OBJ)
	@echo "  AR   $@"
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$B/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC   $<"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$B/unit/%: $B/tests/unit/%.o $B/liblayerseal.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka -lsqlite3

# Without libFuzzer: a driver replays the corpus, with any compiler.
$B/fuzz/%: $B/tests/fuzz/%.o $B/tests/fuzz/standalone.o $B/liblayerseal.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$B/mutations/mutations: $(patsubst %.c,$B/%.o,$(wildcard tests/mutations/*.c)) $B/liblayerseal.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$B/bench/%: $B/tests/bench/%.o $B/liblayerseal.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$B/cli/%: $B/tests/cli/%.o $B/liblayerseal.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

check: check-unit check-fuzz check-mutations check-cli check-audit

check-unit: $(UNIT)
	$(Q)CMOCKA_MESSAGE_OUTPUT=TAP prove -e tests/lib/unit -j2 $(UNIT)

check-fuzz: $(FUZZ:%=$B/fuzz/%)
	$(Q)scripts/replay-corpora $B/fuzz

# A sample; `make mutations` runs all.
check-mutations: $B/mutations/mutations
	$(Q)prove -e '' $B/mutations/mutations :: --every 100

# With sanitizers the differential test asks every eighth of its questions only.
check-cli: $B/layerseal $B/layerseal-hook $B/bench/growth $B/cli/fake_watcher
	$(Q)LAYERSEAL=$(abspath $B/layerseal) GROWTH=$(abspath $B/bench/growth) \
		FAKE_WATCHER=$(abspath $B/cli/fake_watcher) \
		SECOND_SHARE=$(if $(filter asan,$(VARIANT)),8,1) \
		prove -j2 $(sort $(wildcard tests/cli/*.t)) tests/second/run.t

$B/audit/grow: $B/tests/audit/grow.o $B/liblayerseal.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# Exports of ledgers, checked by programs that are not ours.
check-audit: $B/layerseal $B/audit/grow
	$(Q)LAYERSEAL=$(abspath $B/layerseal) GROW=$(abspath $B/audit/grow) \
		prove -j2 $(sort $(wildcard tests/audit/*.t))

check-asan:
	$(Q)$(MAKE) VARIANT=asan check

$B/crash/fault.so: tests/crash/fault.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE $(CFLAGS) $(WARN) -shared -fPIC -o $@ $<

crash: $B/layerseal $B/crash/fault.so $B/audit/grow
	$(Q)LAYERSEAL=$(abspath $B/layerseal) FAULT_SO=$(abspath $B/crash/fault.so) \
		GROW=$(abspath $B/audit/grow) prove -j3 $(sort $(wildcard tests/crash/*.t))

attacks: $B/layerseal
	$(Q)LAYERSEAL=$(abspath $B/layerseal) tests/attacks/run --table

benign: $B/layerseal
	$(Q)LAYERSEAL=$(abspath $B/layerseal) tests/benign/run

# libFuzzer binaries (clang); run them for as long as you like: make fuzz FUZZ_SECONDS=600
FUZZ_SECONDS ?= 60
fuzz:
	$(Q)scripts/fuzz $(FUZZ_SECONDS) $(FUZZ)

# Every way to damage the files of a ledger that LMDB's format has a name for, and random ones.
mutations: $B/mutations/mutations
	$(Q)prove -e '' $B/mutations/mutations

check-hook: $B/layerseal $B/layerseal-hook
	$(Q)LAYERSEAL=$(abspath $B/layerseal) tests/hook/run

check-watched: $B/layerseal
	$(Q)for source in fanotify inotify; do for corpus in attacks benign; do \
		LAYERSEAL=$(abspath $B/layerseal) tests/$$corpus/run --$$source || exit; done; done

check-watch: $B/layerseal
	$(Q)LAYERSEAL=$(abspath $B/layerseal) tests/watch/run

check-service: $B/layerseal
	$(Q)LAYERSEAL=$(abspath $B/layerseal) tests/service/run

# Guarded builds; all of their tests with FULL=1.
check-build: $B/layerseal
	$(Q)LAYERSEAL=$(abspath $B/layerseal) tests/build/run

# Hooks, gate, guarded builds, healing, cache mounts and service, on both engines and drivers, as root and as a user.
check-matrix: $B/layerseal $B/layerseal-hook
	$(Q)LAYERSEAL=$(abspath $B/layerseal) scripts/check-matrix

bench: $B/layerseal $B/layerseal-hook
	$(Q)LAYERSEAL=$(abspath $B/layerseal) tests/bench/run
	$(Q)LAYERSEAL=$(abspath $B/layerseal) tests/bench/build
	$(Q)LAYERSEAL=$(abspath $B/layerseal) tests/bench/hook

lint:
	$(Q)scripts/lint

install: all
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $B/layerseal $(DESTDIR)$(PREFIX)/bin/layerseal
	install -d $(DESTDIR)$(PREFIX)/libexec/layerseal
	install -m 755 $B/layerseal-hook $(DESTDIR)$(PREFIX)/libexec/layerseal/layerseal-hook
	for m in $(MAN); do d=$(DESTDIR)$(PREFIX)/share/man/man$${m##*.}; \
		install -d $$d && install -m 644 $$m $$d/; done
	$(call install_units,$(UNITS),$(UNITDIR))
	$(call install_units,$(USER_UNITS),$(USERUNITDIR))
	install -d $(DESTDIR)$(CATALOGDIR) $(DESTDIR)$(SYSUSERSDIR) $(DESTDIR)$(TMPFILESDIR)
	install -m 644 systemd/layerseal.catalog $(DESTDIR)$(CATALOGDIR)/layerseal.catalog
	install -m 644 systemd/sysusers.d/layerseal.conf $(DESTDIR)$(SYSUSERSDIR)/layerseal.conf
	install -m 644 systemd/tmpfiles.d/layerseal.conf $(DESTDIR)$(TMPFILESDIR)/layerseal.conf

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/layerseal $(DESTDIR)$(PREFIX)/libexec/layerseal/layerseal-hook
	-rmdir $(DESTDIR)$(PREFIX)/libexec/layerseal
	for m in $(MAN); do rm -f $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/}; done
	for u in $(UNITS); do rm -f $(DESTDIR)$(UNITDIR)/$${u##*/}; done
	for u in $(USER_UNITS); do rm -f $(DESTDIR)$(USERUNITDIR)/$${u##*/}; done
	rm -f $(DESTDIR)$(CATALOGDIR)/layerseal.catalog $(DESTDIR)$(SYSUSERSDIR)/layerseal.conf \
		$(DESTDIR)$(TMPFILESDIR)/layerseal.conf

clean:
	rm -rf build

-include $(LIB_OBJ:.o=.d) $B/src/cli/main.d $B/src/cli/hook_main.d $(wildcard $B/tests/*/*.d)
.PHONY: all check check-unit check-fuzz check-mutations check-cli check-audit check-asan check-hook check-service check-watch check-watched crash mutations attacks \
	benign fuzz bench lint install uninstall clean
.SECONDARY:
