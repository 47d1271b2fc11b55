# One entry for people and for CI. `make` prints what there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash
export NODE_OPTIONS_TEST := --experimental-vm-modules
NODE_STAMP := node_modules/.stele-installed
BUILD_STAMP := dist/.stele-built
SOURCES := $(shell find src -name '*.ts' 2>/dev/null) tsconfig.json package.json

.PHONY: help run test ci check fmt generate tools bench clean build setup policy

help: ## Print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(NODE_STAMP): package-lock.json package.json
	@echo "installing the pinned packages (half a minute, more on a slow line)"
	@npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
	@touch $@

$(BUILD_STAMP): $(NODE_STAMP) $(SOURCES)
	@echo "building (some twenty seconds)"
	@node_modules/.bin/tsc -p tsconfig.json
	@touch $@

setup: $(NODE_STAMP) ## Install the pinned packages

build: $(BUILD_STAMP) ## Compile src to dist

run: $(BUILD_STAMP) ## Start the demo: gateway on 127.0.0.1:8420 with real events; needs Node and npm only
	@node --max-semi-space-size=32 dist/cli/main.js demo $(ARGS)

tools: $(NODE_STAMP) ## Install what the tests need beside Node (OPA, S3 servers, judges) into .tools
	@node infra/gate/tools.mjs

test: $(BUILD_STAMP) tools ## Run every test; what this machine lacks is skipped and counted by name
	@node infra/gate/test.mjs $(ARGS)

check: $(BUILD_STAMP) ## Format, lint, types, layers, dead code, stale generated files
	@node infra/gate/check.mjs

ci: ## The gate: everything that must pass, in one order
	@node infra/gate/ci.mjs

fmt: $(NODE_STAMP) ## Format the sources
	@node_modules/.bin/prettier --log-level warn --write src test infra '*.{js,cjs,json,md}' docs

generate: $(BUILD_STAMP) ## Make the generated reference and schemas again
	@node infra/generate/all.mjs

policy: $(BUILD_STAMP) ## Build the default policy bundle again
	@node infra/opa/build.mjs

bench: $(BUILD_STAMP) tools ## Print the speed of an append, sealing and publishing as ratios to peers on this machine
	@node infra/bench/run.mjs $(ARGS)

clean: ## Remove what was built; keeps .tools and demo data
	@rm -rf dist coverage
