// Command weightspace plans, runs and inspects weight-space workloads: on this machine
// without a cluster (run, plan, validate), as the entry of a pod (task), and beside a cluster (dataset
// import, pull, report, export). Installed as kubectl-weightspace it is a kubectl plugin.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(execute(context.Background(), os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}
