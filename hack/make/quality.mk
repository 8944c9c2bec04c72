##@ Quality
.PHONY: lint verify generate tidy-check
lint: ## golangci-lint with kube-api-linter (.golangci.yml)
	$$(hack/tools/build golangci-lint) run ./...
generate: ## Regenerate deepcopy code, CRDs, RBAC, kernels, chart and API reference
	hack/verify/generate
verify: ## Regenerate and fail on a difference; check licences, sizes and that go.mod is tidy
	hack/verify/all
tidy-check: ## Fail if go.mod or go.sum is not tidy
	go mod tidy -diff
