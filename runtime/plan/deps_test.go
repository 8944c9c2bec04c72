package plan_test

import (
	"os/exec"
	"strings"
	"testing"
)

// Controllers plan with this package: it must not bring kernels or a device that computes along.
func TestLinksNoKernels(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.SplitSeq(string(out), "\n") {
		sub, ok := strings.CutPrefix(line, "github.com/weightspace/weightspace/runtime/")
		if ok && sub != "kernel/detmath" && (sub == "kernel" || strings.HasPrefix(sub, "kernel/") || strings.HasPrefix(sub, "device/")) {
			t.Errorf("the plan links runtime/%s", sub)
		}
	}
}
