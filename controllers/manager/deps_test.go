package manager

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// linked are the packages of the runtime that the manager has: the plan, the published recipes, and what networks are recorded with and images
// changed with, for their shapes and checks.
var linked = strings.Fields("spec plan preset augment nn op device tensor initializer rng kernel/detmath")

// TestLinksNoKernels: the manager links the API and the plan, none of what computes.
func TestLinksNoKernels(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "github.com/weightspace/weightspace").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.SplitSeq(string(out), "\n") {
		sub, ok := strings.CutPrefix(line, "github.com/weightspace/weightspace/runtime/")
		if ok && !slices.Contains(linked, sub) {
			t.Errorf("the manager links runtime/%s", sub)
		}
	}
}
