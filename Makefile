# Weightspace. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export PATH := $(PATH):/usr/local/go/bin:/usr/sbin:/sbin
export HOME ?= /root

# kubectl of the pinned Kubernetes, unless another is wanted.
KUBECTL ?= $$(hack/cluster/assets)/kubectl
# Extra manager flags for deploy, one per line.
MANAGER_FLAGS ?=
FUZZTIME ?= 20s
# 1 lets demo-down delete the artifacts too.
PURGE ?=

include hack/make/*.mk

##@ General
.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Try it
.PHONY: demo demo-down
demo: ## Real Kubernetes on this machine, the operator, and a model zoo training on it (root, Debian)
	@hack/demo/up
demo-down: ## Stop the demo's cluster; artifacts stay unless PURGE=1
	@PURGE="$(PURGE)" hack/demo/down

##@ Build
.PHONY: build images
build: ## Build bin/manager and bin/weightspace
	CGO_ENABLED=0 go build -trimpath -o bin/weightspace ./runtime/cmd/weightspace
	CGO_ENABLED=0 go build -trimpath -o bin/manager .
images: ## Build dist/manager.tar and dist/runtime.tar (OCI archives) and their SBOMs, without Docker
	go run ./hack/images -cyclonedx-gomod "$$(hack/tools/build cyclonedx-gomod)"

##@ Install into the cluster of the current kubeconfig
.PHONY: install uninstall deploy undeploy manifests
install: ## Install the custom resource definitions only
	$(KUBECTL) apply --server-side -k config/crd
uninstall: ## Remove the custom resource definitions, and with them every object of these kinds
	$(KUBECTL) delete --ignore-not-found -k config/crd
manifests: ## Print the operator's manifests (MANAGER_IMAGE=, RUNTIME_IMAGE=, MANAGER_FLAGS=)
	@KUBECTL="$(KUBECTL)" MANAGER_FLAGS="$(MANAGER_FLAGS)" hack/install/render
deploy: ## Build the images, bring them into the local cluster, install the operator and wait for it
	@KUBECTL="$(KUBECTL)" MANAGER_FLAGS="$(MANAGER_FLAGS)" hack/install/deploy
undeploy: ## Remove the operator but keep the custom resource definitions and objects
	for part in admission rbac manager; do $(KUBECTL) delete --ignore-not-found -k config/$$part; done
