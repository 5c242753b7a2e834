# forescale: run `make help` to see what there is.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
export CGO_ENABLED = 0

.DEFAULT_GOAL := help
.PHONY: help demo build dashboard setup check test race page-test notebooks notebook-test bench load clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build ## Build everything and watch it scale ahead of a rise (DAYS=2 ends after two days; ARGS=--nodes: hosts come and go, too)
	./bin/forescale demo $(if $(DAYS),--days $(DAYS)) $(ARGS)

build: dashboard ## Build bin/forescale, the page included
	go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/forescale ./cmd/forescale

page := internal/api/dashboard
page_sources := $(shell find $(page)/src $(page)/public -type f 2>/dev/null) $(wildcard $(page)/*.html $(page)/*.ts $(page)/*.json)

dashboard: $(page)/dist/index.html ## Build the dashboard with npm, into the place where the binary embeds it

$(page)/node_modules: $(page)/package.json $(page)/package-lock.json
	cd $(page) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(page)/dist/index.html: $(page)/node_modules $(page_sources)
	cd $(page) && npm run --silent build
	@touch $@

setup: ## Install what the tests use (browser, strace, Docker Engine) and start an engine; root on Debian
	.ci/setup
	.ci/engine start || [ -z "$$FORESCALE_NEED_ENGINE" ]

test: ## Set everything up and pass all tests, with the race detector; ends the engine that it started
	@.ci/test

check: ## Format, vet, staticcheck, import arrows, known vulnerabilities
	.ci/check

page-test: $(page)/node_modules
	cd $(page) && npm run --silent check && npm test --silent

notebooks: ## Run the notebooks, with plots, into bin/notebooks/*.html; needs Jupyter
	notebooks/kernel jupyter nbconvert --execute --to html --log-level WARN --output-dir bin/notebooks notebooks/*.ipynb

notebook-test: # a module of its own
	cd notebooks && go test -count=1 -timeout 20m ./...

# SQLite is C turned into Go, and its memory is its own: watching it for races made
# tests with a store seven times as slow. What calls it is watched.
race_flags := -race -gcflags='modernc.org/...=-race=false'

# These work figures out. The others have real components and measure real time.
pure := ./forecast/... ./planner/... ./datasets/... ./internal/money ./internal/pace ./internal/sim ./internal/store/encoding ./internal/store/memory

race: # pure packages side by side, what computes for long on its own unwatched; the others one at a time
	go test -timeout 20m $(pure)
	CGO_ENABLED=1 go build $(race_flags) ./...
	CGO_ENABLED=1 go test $(race_flags) -short -p 2 -parallel 2 -timeout 20m $(pure)
	CGO_ENABLED=1 go test $(race_flags) -p 1 -parallel 4 -timeout 20m $$(go list ./... | grep -vxF "$$(go list $(pure))")

bench: ## Run the benchmarks of speed and memory, with their references
	go test -run '^$$' -bench . -benchmem ./...

load: build ## Drive real servers on PostgreSQL as 100, 1,000 and 10,000 services would, and measure
	./bin/forescale load $(ARGS)

clean: ## Remove what was built
	rm -rf bin $(page)/dist/assets $(page)/dist/index.html $(page)/node_modules
