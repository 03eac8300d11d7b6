# A thin front of CMake. `make demo` and `make test` are all that a new machine needs.

.DEFAULT_GOAL := build
.NOTPARALLEL:

.PHONY: build
build: ## install what is missing, compile; the programs are in build/bin
	@tools/install-deps
	@cmake --preset release >/dev/null
	@cmake --build --preset release

.PHONY: demo
demo: build ## a sync between two simulated orgs, from nothing
	@exec tests/demo/foreground tests/demo/run

.PHONY: test
ifdef SANITIZE
test: ## every test; SANITIZE=address or SANITIZE=thread: with the programs built for that
	@tools/install-deps
	@tests/sanitized $(SANITIZE)
else
test: build
	@tests/run
endif

.PHONY: memcheck
memcheck: build ## the unit tests under valgrind
	@tools/install-deps --dev
	@tests/memcheck

.PHONY: bench
bench: build ## the benchmarks
	@tests/bench/run

.PHONY: chaos
chaos: build ## run after run under a seeded hand that kills and cuts: SEED=n MINUTES=m API=rest|bulk
	@tests/chaos/run

.PHONY: fuzz
fuzz: ## the fuzzers, a short while each
	@tools/install-deps --dev
	@tests/fuzz/run

.PHONY: lint
lint: ## every check of the sources
	@tools/install-deps --dev
	@tools/lint

.PHONY: format
format: ## format the C sources
	@tools/install-deps --dev
	@git ls-files -z -co --exclude-standard '*.c' '*.h' | xargs -0r clang-format-14 -i

.PHONY: stack-up
stack-up: ## a private Kafka, Redis and Postgres: eval "$(tests/stack env)"
	@tools/install-deps
	@tests/stack up

.PHONY: stack-down
stack-down: ## stop and remove them
	@tests/stack down

.PHONY: clean
clean: ## remove all that was built, and the stack
	@tests/stack down
	@rm -rf build

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.* ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14
