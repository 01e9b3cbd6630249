# What people and CI run. `make` alone lists it.

CARGO ?= cargo

.DEFAULT_GOAL := help
.PHONY: help run console console-packages test check rules api fmt bench bench-check test-tools compiler

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: compiler console ## build the console and the server, load the demo tenant, and serve on http://127.0.0.1:8080
	@# Without --release: it starts several minutes sooner on a fresh machine.
	$(CARGO) build
	@BAILIWICK_LOG=$${BAILIWICK_LOG:-warn} $(CARGO) run --quiet -- demo
	@echo "Open http://127.0.0.1:8080 and sign in to the tenant \`demo\` as \`alice\` (ADMIN) or \`dana\` (USER) with Demo-1234. Ctrl-C ends it."
	@$(CARGO) run --quiet -- serve

console: console-packages ## build the web console, which the server then serves at /
	npm run --silent --prefix console build

# Installs the console's packages where they are not those of the lock file.
console-packages:
	@scripts/console-packages

test: compiler test-tools console ## all tests, on SQLite, PostgreSQL and Redis, and of the console in a browser
	$(CARGO) test
	npm run --silent --prefix console test
	$(CARGO) build
	npm run --silent --prefix console browser

check: compiler console-packages ## what a change must pass beside the tests: format, lints, documentation
	scripts/rules --check
	scripts/adr --check
	scripts/configuration --check
	$(CARGO) fmt --all --check
	$(CARGO) clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --quiet
	npm run --silent --prefix console check
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny --offline check bans licenses sources; \
	else echo "cargo-deny is not installed, so deny.toml was not checked whole: cargo install cargo-deny"; fi

rules: ## fill in docs/RULES.md, the tests that prove each rule, the list of docs/adr, and docs/CONFIGURATION.md
	scripts/rules
	scripts/adr
	scripts/configuration

api: compiler ## make docs/API.md anew from the schema, the operations and what they are answered
	BAILIWICK_API=write $(CARGO) test --quiet --test suite -- --exact operations::every_document_runs

fmt: ## format the code
	$(CARGO) fmt --all

bench: compiler test-tools ## measure it beside its floors and peers, and write docs/BENCHMARKS.md (ARGS='core --quick')
	$(CARGO) run --profile bench --package bailiwick-bench -- $(ARGS)

bench-check: compiler ## lint and test the benchmarks themselves, which `check` and `test` leave out
	@# They build other policy engines, and with them features that the product must not get.
	@! $(CARGO) tree --edges features --invert casbin | grep --quiet 'casbin feature "cached"'
	$(CARGO) clippy --package bailiwick-bench --all-targets -- -D warnings
	$(CARGO) test --package bailiwick-bench

test-tools:
	@scripts/test-tools

compiler:
	@CARGO=$(CARGO) scripts/compiler
