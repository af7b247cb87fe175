# `make` lists what there is. Every target can be run alone.

.DEFAULT_GOAL := help
.PHONY: help run test faults clients browser verify fmt-check clippy doc deny fix bench openapi migration hooks

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  %-12s %s\n", $$1, $$2 }'

run: ## Serve on SQLite at 127.0.0.1:8080
	cargo run --release

# Debian keeps mysqld and mariadbd in /usr/sbin, which is not on everyone's PATH.
test: export PATH := $(PATH):/usr/local/sbin:/usr/sbin
test: ## Run every test on SQLite and on MySQL or MariaDB
	@tests/ensure-mysql
	@tests/ensure-nats
	cargo test --workspace --no-fail-fast

faults: export PATH := $(PATH):/usr/local/sbin:/usr/sbin
faults: ## Kill nodes, NATS and databases under load; FAULTS='nats --seconds 10' chooses
	@tests/ensure-mysql
	@tests/ensure-nats
	cargo run --quiet --package messenger-tests --bin faults -- $(FAULTS)

clients: ## Generate clients in three languages and run them
	@tests/clients/run

browser: ## Open Swagger UI in Chromium and use it
	@tests/browser/run

verify: fmt-check clippy doc deny ## Check everything but the tests; write nothing

fmt-check:
	cargo fmt --all --check

clippy:
	cargo clippy --workspace --all-targets --all-features -- -D warnings

doc:
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --all-features

deny:
	@command -v cargo-deny >/dev/null || { echo 'make deny: run: cargo install cargo-deny --locked' >&2; exit 1; }
	cargo deny check licenses bans sources

fix: ## Format, and let clippy mend what it can
	cargo clippy --workspace --all-targets --all-features --fix --allow-dirty --allow-staged
	cargo fmt --all

bench: ## Measure everything and write benches/RESULTS.md
	@benches/run

openapi: ## Write openapi.json and asyncapi.json from the code
	cargo run --quiet --package messenger-http --bin messenger -- openapi > openapi.json.new
	mv openapi.json.new openapi.json
	cargo run --quiet --package messenger-http --bin messenger -- asyncapi > asyncapi.json.new
	mv asyncapi.json.new asyncapi.json

migration: ## Make the files of a new migration: make migration name=add_pins
	@tests/new-migration '$(name)'

hooks: ## Check format, lints and commit messages before each commit
	git config core.hooksPath .githooks
