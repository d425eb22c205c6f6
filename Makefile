# SPDX-License-Identifier: MIT
# Short ways to say what CMakePresets.json and scripts/ do.
#
#   make            build the debug preset           make check    layout, layers, house rules
#   make test       build and run all tests          make format   lay out all C files
#   make demo       build and run the main job       make asan     tests under ASan and UBSan
#   make repeat     tests N times (N=100)            make tsan     tests under ThreadSanitizer
#   make release    build the release preset         make ci       everything CI runs
#   make seeds      10^5 seeds of the simulator
#   make bench      what the statistics cost
#   make test-windows   the tests as Windows programs, cross-built and run under Wine
#   make demo-windows   the main job, with the tool for Windows under Wine
#   make hostile    hostile peers and systems        make torture  each system call fails in turn
#   make latency    how long honest clients wait under attack: wants a machine of its own
#   make install    install it (PREFIX, DESTDIR)     make clean    remove build/
#
# A target that needs something not installed installs it first (scripts/bootstrap).

PREFIX ?= /usr/local
N ?= 100

.PHONY: all build test test-windows seeds bench hostile torture demo demo-windows repeat release install check format asan tsan ci clean bootstrap

all: build

bootstrap:
	@scripts/bootstrap

build: bootstrap
	@scripts/build debug

release: bootstrap
	@scripts/build release

test: bootstrap
	@scripts/test debug --label-exclude 'sweep|hostile'

test-windows: bootstrap
	@scripts/test windows

seeds: bootstrap
	@scripts/test sim

bench: bootstrap
	@scripts/build release --target bench
	@bench/measure_stats build/release

hostile: bootstrap
	@TOFU_TEST_RESULTS=junit-hostile scripts/test debug --label-regex hostile --label-exclude latency

latency: bootstrap
	@TOFU_TEST_RESULTS=junit-latency scripts/test release --label-regex latency

# Most of a sweep is waiting for deadlines, so more of them than processors go at a time.
torture: bootstrap
	@TOFU_TEST_RESULTS=junit-torture scripts/test debug --label-regex sweep --parallel 6

asan: bootstrap
	@scripts/test asan --label-exclude 'sweep|latency'

# The simulator and the fake kernel have one thread: there is no race to find.
tsan: bootstrap
	@scripts/test tsan --label-exclude '^(torture|latency|sim|nt)$$'

repeat: bootstrap
	@scripts/test debug --label-exclude 'sweep|hostile' --repeat until-fail:$(N)

demo: release
	@scripts/demo

demo-windows: bootstrap
	@scripts/build windows --target tofu_tool
	@scripts/wine-run --start
	@scripts/demo build/windows/tools/tofu.exe scripts/wine-run; status=$$?; scripts/wine-run --stop; exit $$status

install: release
	cmake --install build/release --prefix '$(PREFIX)'

check: bootstrap
	@scripts/format --check
	@scripts/check_layers.py --self-test
	@scripts/check_layers.py
	@scripts/check_rules.py --self-test
	@scripts/check_rules.py
	@scripts/compare_cases.py --self-test
	@scripts/count_skips.py --self-test

format: bootstrap
	@scripts/format

ci:
	@.ci/run

clean:
	rm -rf build
