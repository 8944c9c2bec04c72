package manager

import (
	"os/exec"
	"strings"
	"testing"
)

// TestLinksNoKernels: the manager links the API and the plan, none of the compute runtime.
func TestLinksNoKernels(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "github.com/weightspace/weightspace").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.SplitSeq(string(out), "\n") {
		sub, ok := strings.CutPrefix(line, "github.com/weightspace/weightspace/runtime/")
		if ok && sub != "spec" && sub != "plan" {
			t.Errorf("the manager links runtime/%s", sub)
		}
	}
}
