# The commands that people and CI use. `make` alone lists them.

CARGO ?= cargo
# Where `make up` keeps its data, and where it listens (host:port); both may be given: make up LISTEN=127.0.0.1:9000
DATA ?= data
LISTEN ?=
# What is checked besides the code, each by scripts/delivery/<area>.
AREAS := chart terraform workflows monitoring logging images compose fuzz

.DEFAULT_GOAL := help
.PHONY: help up down test test-delivery fmt lint sqlx bench services

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## (.*)/make \1\t\2/' | expand -t 16

# The last line is one command that replaces its shell: make passes SIGTERM on to the process that it started, so
# that process must be `pos` itself, which then stops everything in order. Ctrl-C reaches it directly.
up: services ## Start everything on this machine, with a demo shop; Ctrl-C stops it
	SQLX_OFFLINE=true $(CARGO) build --release --package tillstream-pos --bin pos
	@exec $(TARGET)/release/pos up --data $(DATA) $(if $(LISTEN),--listen $(LISTEN))

down: ## Stop what `make up` left running, for example after it was killed
	@if [ -x $(TARGET)/release/pos ]; then exec $(TARGET)/release/pos down --data $(DATA); else echo "nothing has been built, so nothing runs"; fi

test: services ## Everything that CI checks: format, lints, tests, also of WebAssembly, licences
	$(MAKE) lint
	SQLX_OFFLINE=true $(CARGO) build --workspace --all-targets
	SQLX_OFFLINE=true $(CARGO) run --quiet --package tillstream-servers --bin scratch -- $(CARGO) test --workspace
	scripts/wasm
	scripts/deny
	scripts/release/test
	@set -e; for area in $(AREAS); do echo "scripts/delivery/$$area --quick"; scripts/delivery/$$area --quick; done

test-delivery: services ## Every check of images, compose file, chart, Terraform, workflows, monitoring, logging, and of the API
	@set -e; engine=$$(mktemp -d); trap 'rm -rf "$$engine"' EXIT; for area in $(AREAS) live upgrade; do \
		case $$area in images|compose) with="--engine $$engine";; *) with=;; esac; \
		echo "scripts/delivery/$$area $$with"; scripts/delivery/$$area $$with; done

fmt: ## Format the code
	$(CARGO) fmt --all

lint: ## Check format and lints
	$(CARGO) fmt --all --check
	SQLX_OFFLINE=true $(CARGO) clippy --workspace --all-targets -- -D warnings

sqlx: services ## Regenerate .sqlx after a query or a migration has changed
	scripts/sqlx

bench: services ## Compare with a conventional server; writes bench/results.json
	SQLX_OFFLINE=true $(CARGO) build --release --package tillstream-pos --package tillstream-bench
	$(TARGET)/release/tillstream-bench run

services:
	@scripts/services

TARGET := $(or $(CARGO_TARGET_DIR),target)
