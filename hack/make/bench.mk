##@ Benchmarks
.PHONY: bench-peers
# Workloads by the beginnings of their names, comma-separated; empty for all. Runs of each contender.
BENCH ?=
RUNS ?= 5
bench-peers: ## Our engine beside PyTorch, JAX, OpenBLAS and gomlx (BENCH=zoo-small RUNS=5); needs python3 and a C compiler
	go run ./hack/bench -only "$(BENCH)" -runs "$(RUNS)" -out dist/bench.md
.PHONY: evidence
# Steps by name, comma-separated (go run ./hack/evidence -list); empty for all.
EVIDENCE ?=
evidence: ## The long runs behind docs/reproduction.md, an hour and more; resumable; prints their numbers
	go run ./hack/evidence -only "$(EVIDENCE)"
