// Command lint is golangci-lint with kube-api-linter built in. golangci-lint's own `custom`
// command would clone a repository; this needs the Go module proxy only.
package main

import (
	"fmt"
	"os"

	"github.com/golangci/golangci-lint/v2/pkg/commands"
	"github.com/golangci/golangci-lint/v2/pkg/exitcodes"
	_ "sigs.k8s.io/kube-api-linter" // registers the module plugin "kubeapilinter"
)

// Version of golangci-lint, as pinned in go.mod.
const version = "v2.15.0"

func main() {
	info := commands.BuildInfo{GoVersion: "go1.26", Version: version, Commit: "none", Date: "unknown"}
	if err := commands.Execute(info); err != nil {
		fmt.Fprintln(os.Stderr, "The command is terminated due to an error:", err)
		os.Exit(exitcodes.Failure)
	}
}
