# What people and CI run. `make` alone lists it.

CARGO ?= cargo

.DEFAULT_GOAL := help
.PHONY: help run test check rules fmt bench test-tools compiler

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: compiler ## build, load the demo tenant, and serve on http://127.0.0.1:8080/graphql
	@# Without --release: it starts several minutes sooner on a fresh machine.
	$(CARGO) build
	@BAILIWICK_LOG=$${BAILIWICK_LOG:-warn} $(CARGO) run --quiet -- demo
	@echo "Sign in to the tenant \`demo\` as \`alice\` (ADMIN) or \`dana\` (USER) with Demo-1234. Ctrl-C ends it."
	@$(CARGO) run --quiet -- serve

test: compiler test-tools ## all tests, on SQLite, PostgreSQL and Redis
	$(CARGO) test --workspace

check: compiler ## what a change must pass beside the tests: format, lints, documentation
	scripts/rules --check
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --quiet

rules: ## fill in docs/RULES.md: which tests prove which rule
	scripts/rules

fmt: ## format the code
	$(CARGO) fmt --all

bench: compiler ## what a decision costs, beside a hash look-up and casbin's Enforcer
	$(CARGO) bench --bench decide

test-tools:
	@scripts/test-tools

compiler:
	@command -v $(CARGO) >/dev/null || { echo "Rust is missing: https://rustup.rs installs it" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "a C compiler is missing (SQLite needs it): apt-get install build-essential" >&2; exit 1; }
