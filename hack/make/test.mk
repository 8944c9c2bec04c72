##@ Test
.PHONY: test test-unit test-integration test-e2e test-chart test-arm64 fuzz bench
test: ## Everything: unit, lint, race, pure Go, integration, chart, verify, a real browser, end to end on a real cluster
	@hack/test/parts
test-unit: ## Unit tests, shuffled; the race detector where goroutines share state; the pure-Go kernels
	@hack/test/parts unit race purego
test-integration: ## Tests against a real kube-apiserver, etcd and S3 server
	@hack/test/parts integration
test-e2e: ## Tests on a real cluster with real pods (root, Debian)
	@hack/test/parts browser e2e
test-arm64: ## The compute engine on arm64, emulated (root, Debian; ten minutes)
	@hack/test/parts arm64
test-chart: ## Tests of the Helm chart
	@hack/test/parts chart
fuzz: ## Run every fuzz target for FUZZTIME (default 20s)
	@grep -rlE '^func Fuzz' --include='*_test.go' . | while read -r file; do \
		for target in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]+)\(.*/\1/p' "$$file"); do \
			echo "=== $$(dirname "$$file") $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")" || exit 1; \
		done; \
	done
bench: ## Run the Go benchmarks
	go test -run '^$$' -bench . -benchmem -p 1 ./...
